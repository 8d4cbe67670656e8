using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>Reads messages back from the journal.</summary>
/// <remarks>For one thread. It waits for the disk.</remarks>
/// <param name="log">The hot log.</param>
internal sealed class StoredMessageReader(IAppendLog log)
{
    private readonly StringCache _texts = new();

    /// <summary>Reads one message.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="queueId">The queue that holds it.</param>
    /// <exception cref="JournalException">It is damaged, or is not there.</exception>
    internal ReadMessage Read(StoredId id, uint queueId)
    {
        StoredRecord record = log.Read(id.Address);
        try
        {
            MessageView view = new BatchReader(record.Body.Span).Messages[id.Index];
            long ttlMs = QueueRef.NoTtl;
            foreach (QueueRef queue in view.Refs)
            {
                ttlMs = queue.QueueId == queueId ? queue.TtlMs : ttlMs;
            }

            StoredMessage message = view.IsChunked ? view.ToMessage(_texts, ReadChunks(view)) : view.ToMessage(_texts);
            return new ReadMessage(message, record.Timestamp, ttlMs == QueueRef.NoTtl ? null : record.Timestamp + ttlMs);
        }
        catch (RecordFormatException error)
        {
            throw MqErrors.RecordNotUnderstood(id.Address, record.Kind, error);
        }
    }

    private byte[] ReadChunks(in MessageView message)
    {
        byte[] body = new byte[message.BodyLength];
        int filled = 0;
        foreach (long address in message.Chunks)
        {
            ReadOnlySpan<byte> piece = BodyChunk.Read(log.Read(address).Body.Span).Bytes;
            if (piece.Length > body.Length - filled)
            {
                throw new RecordFormatException($"the pieces of a body of {body.Length} bytes are longer than that");
            }

            piece.CopyTo(body.AsSpan(filled));
            filled += piece.Length;
        }

        return filled == body.Length ? body : throw new RecordFormatException($"the pieces of a body of {body.Length} bytes are {filled} bytes long");
    }

    /// <summary>A message as it was read.</summary>
    /// <param name="Message">The message, where it was published to, and with which key.</param>
    /// <param name="PublishedUtcMs">When it was appended, in milliseconds since 1970.</param>
    /// <param name="ExpiresUtcMs">When it expires, or <see langword="null"/>.</param>
    internal readonly record struct ReadMessage(StoredMessage Message, long PublishedUtcMs, long? ExpiresUtcMs);
}
