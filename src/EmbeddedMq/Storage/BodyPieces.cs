using EmbeddedMq.Journal;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>Bodies that are too large for the record that names them: they lie before it, in pieces.</summary>
internal static class BodyPieces
{
    private const int MostBytes = 1 << 20;

    /// <summary>How long a piece is, and a body that a record holds itself at most.</summary>
    /// <param name="log">The log.</param>
    internal static int MaxBytes(IAppendLog log) => Math.Min(MostBytes, log.MaxRecordBytes / 2);

    /// <summary>Appends a body in pieces.</summary>
    /// <param name="log">The log.</param>
    /// <param name="body">The body, not empty.</param>
    /// <returns>Where the pieces are; <see cref="JournalAddress.None"/> is among the addresses if the log has failed.</returns>
    internal static StoredBody Append(IAppendLog log, ReadOnlyMemory<byte> body)
    {
        int pieceBytes = MaxBytes(log);
        long[] addresses = new long[((body.Length - 1) / pieceBytes) + 1];
        for (int i = 0; i < addresses.Length; i++)
        {
            int begin = i * pieceBytes;
            ReadOnlySpan<byte> piece = body.Span.Slice(begin, Math.Min(pieceBytes, body.Length - begin));
            addresses[i] = log.Append((byte)RecordKind.BodyChunk, new BodyChunk(i, body.Length, piece));
        }

        return StoredBody.Chunked(body.Length, addresses);
    }
}
