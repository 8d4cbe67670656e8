using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>Cuts a transaction into records. Pure.</summary>
internal static class TransactionParts
{
    /// <summary>Groups of settles in one record: each is a few kilobytes at most.</summary>
    internal const int MostSettles = 256;

    // What a record has beside its messages: format, flags, transaction, count.
    private const int FrameBytes = 32;

    /// <summary>Cuts the messages into stretches that fit into a record each.</summary>
    /// <param name="messages">The messages, each short enough for a record by itself.</param>
    /// <param name="maxRecordBytes">The longest record.</param>
    internal static List<Range> Cut(BatchMessage[] messages, int maxRecordBytes)
    {
        List<Range> parts = [];
        int first = 0;
        long bytes = FrameBytes;
        for (int i = 0; i < messages.Length; i++)
        {
            long length = new BatchBody([], [], new ReadOnlySpan<BatchMessage>(in messages[i])).GetLength();
            if (i > first && (bytes + length > maxRecordBytes || i - first == StoredId.MaxMessages))
            {
                parts.Add(first..i);
                first = i;
                bytes = FrameBytes;
            }

            bytes += length;
        }

        if (first < messages.Length)
        {
            parts.Add(first..messages.Length);
        }

        return parts;
    }
}
