namespace EmbeddedMq.Storage.Records;

/// <summary>One message of a batch as bytes.</summary>
/// <remarks>
/// <code>
/// flags          byte: 1 has a priority, 2 the body is in chunks
/// priority       byte, if flagged; not 0
/// body length    varint, at most 2^31 - 1
/// chunks         if flagged: varint count, at least 1, then each address as varint
/// refs           varint count, then each: varint of the queue's id times 2, plus 1 if a time to live follows: varint, milliseconds
/// exchange       text
/// routing key    text
/// properties     <see cref="PropertiesCodec"/>
/// body           bytes, unless it is in chunks; to the end
/// </code>
/// What recovery needs comes first. <see cref="MessageView"/> reads it.
/// </remarks>
internal static class MessageCodec
{
    /// <summary>The flag: a priority follows.</summary>
    internal const byte HasPriority = 1;

    /// <summary>The flag: the body is in chunks.</summary>
    internal const byte IsChunked = 2;

    /// <summary>All flags there are.</summary>
    internal const byte AllFlags = HasPriority | IsChunked;

    /// <summary>How many bytes a message takes.</summary>
    /// <param name="exchange">The exchange that it is published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="properties">Its properties.</param>
    /// <param name="body">Its body.</param>
    /// <param name="priority">Its priority, 0 for none.</param>
    /// <param name="refs">The queues that hold it.</param>
    /// <exception cref="ArgumentException">Its headers are nested too deep to be stored.</exception>
    internal static int GetLength(
        string exchange, string routingKey, MessageProperties properties, in StoredBody body, byte priority, ReadOnlySpan<QueueRef> refs)
    {
        int length = 1 + (priority == 0 ? 0 : 1) + Encoded.VarintLength((uint)body.Length) + Encoded.VarintLength((uint)refs.Length);
        foreach (QueueRef queue in refs)
        {
            length += queue.TtlMs < 0
                ? Encoded.VarintLength((ulong)queue.QueueId << 1)
                : Encoded.VarintLength((ulong)queue.QueueId << 1) + Encoded.VarintLength((ulong)queue.TtlMs);
        }

        return checked(length + LengthOfChunks(body) + Encoded.TextLength(exchange) + Encoded.TextLength(routingKey)
            + PropertiesCodec.GetLength(properties) + body.Bytes.Length);
    }

    /// <summary>Writes a message.</summary>
    /// <param name="writer">The writer.</param>
    /// <param name="exchange">The exchange that it is published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="properties">Its properties.</param>
    /// <param name="body">Its body.</param>
    /// <param name="priority">Its priority, 0 for none.</param>
    /// <param name="refs">The queues that hold it.</param>
    internal static void Write(
        ref ByteWriter writer,
        string exchange,
        string routingKey,
        MessageProperties properties,
        in StoredBody body,
        byte priority,
        ReadOnlySpan<QueueRef> refs)
    {
        writer.Byte((byte)((priority == 0 ? 0 : HasPriority) | (body.IsChunked ? IsChunked : 0)));
        if (priority != 0)
        {
            writer.Byte(priority);
        }

        writer.Varint((uint)body.Length);
        WriteChunks(ref writer, body);
        writer.Varint((uint)refs.Length);
        foreach (QueueRef queue in refs)
        {
            bool hasTtl = queue.TtlMs >= 0;
            writer.Varint(((ulong)queue.QueueId << 1) | (hasTtl ? 1u : 0u));
            if (hasTtl)
            {
                writer.Varint((ulong)queue.TtlMs);
            }
        }

        writer.Text(exchange);
        writer.Text(routingKey);
        PropertiesCodec.Write(ref writer, properties);
        writer.Bytes(body.Bytes.Span);
    }

    /// <summary>How many bytes the addresses of chunks take with their count, 0 without chunks.</summary>
    /// <param name="body">The body.</param>
    internal static int LengthOfChunks(in StoredBody body)
    {
        if (!body.IsChunked)
        {
            return 0;
        }

        int length = Encoded.VarintLength((uint)body.ChunkAddresses.Length);
        foreach (long address in body.ChunkAddresses.Span)
        {
            length += Encoded.VarintLength((ulong)address);
        }

        return length;
    }

    /// <summary>Writes the count and the addresses of chunks, nothing without chunks.</summary>
    /// <param name="writer">The writer.</param>
    /// <param name="body">The body.</param>
    internal static void WriteChunks(ref ByteWriter writer, in StoredBody body)
    {
        if (!body.IsChunked)
        {
            return;
        }

        writer.Varint((uint)body.ChunkAddresses.Length);
        foreach (long address in body.ChunkAddresses.Span)
        {
            writer.Varint((ulong)address);
        }
    }
}
