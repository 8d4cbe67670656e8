using System.Numerics;

namespace EmbeddedMq.Storage.Records;

/// <summary>A block that a queue keeps, as a checkpoint lists it.</summary>
/// <remarks>
/// <code>
/// queue    varint id
/// level    byte
/// block    <see cref="BlockDescriptor"/>
/// settled  byte: 0 none of them, 1 words of 8 bytes follow, 64 messages a word, as many as the block's count asks for
/// marks    varint count, then each: varint index times 2, plus 1 if handed over before; varint failed deliveries
/// </code>
/// </remarks>
internal static class QueueBlockKeptCodec
{
    private const int WordBits = 64;
    private const int FirstCapacity = 16;

    /// <summary>Writes it.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="kept">The block.</param>
    /// <exception cref="ArgumentException">The words are not as many as the block's count asks for.</exception>
    internal static void Write(RecordBuffer buffer, TopologyItem.QueueBlockKept kept)
    {
        int words = WordsFor(kept.Block.Count);
        if (kept.Settled.Length != 0 && kept.Settled.Length != words)
        {
            throw new ArgumentException($"A block of {kept.Block.Count} has {kept.Settled.Length} words of settled messages, not {words}.", nameof(kept));
        }

        buffer.Varint(kept.QueueId);
        buffer.Byte(kept.Level);
        kept.Block.Write(buffer);
        bool hasSettled = kept.Settled.Span.ContainsAnyExcept(0ul);
        buffer.Byte(hasSettled ? (byte)1 : (byte)0);
        if (hasSettled)
        {
            ByteWriter writer = buffer.Writer(words * sizeof(ulong));
            foreach (ulong word in kept.Settled.Span)
            {
                writer.Int64((long)word);
            }
        }

        buffer.Varint((uint)kept.Marks.Count);
        foreach (BlockMark mark in kept.Marks)
        {
            buffer.Varint(((ulong)(uint)mark.Index << 1) | (mark.Redelivered ? 1u : 0u));
            buffer.Varint((uint)mark.FailedDeliveries);
        }
    }

    /// <summary>Reads it.</summary>
    /// <param name="reader">The reader.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static TopologyItem.QueueBlockKept Read(scoped ref ByteReader reader)
    {
        uint queueId = reader.VarUInt32("a queue's id");
        byte level = reader.Byte();
        BlockDescriptor block = BlockDescriptor.Read(ref reader);
        ulong[] settled = ReadSettled(ref reader, block.Count);
        int markCount = reader.Count("marks");
        List<BlockMark> marks = new(Math.Min(markCount, FirstCapacity));
        for (int i = 0; i < markCount; i++)
        {
            ulong head = reader.Varint(((ulong)block.Count << 1) - 1, "an index");
            marks.Add(new BlockMark((int)(head >> 1), reader.VarInt32("a count of failed deliveries"), (head & 1) != 0));
        }

        return new TopologyItem.QueueBlockKept(queueId, level, block, settled, marks);
    }

    private static int WordsFor(int count) => (count + WordBits - 1) / WordBits;

    private static ulong[] ReadSettled(scoped ref ByteReader reader, int count)
    {
        byte form = reader.Byte();
        if (form == 0)
        {
            return [];
        }

        if (form != 1)
        {
            reader.Fail($"no settled messages are of form {form}");
        }

        ulong[] words = new ulong[WordsFor(count)];
        foreach (ref ulong word in words.AsSpan())
        {
            word = (ulong)reader.Int64();
        }

        if (!words.AsSpan().ContainsAnyExcept(0ul) || (count % WordBits != 0 && BitOperations.Log2(words[^1] | 1) >= count % WordBits))
        {
            reader.Fail("more messages are settled than there are, or none");
        }

        return words;
    }
}
