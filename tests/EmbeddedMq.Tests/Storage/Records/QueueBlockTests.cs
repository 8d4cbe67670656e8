using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Records;

public sealed class QueueBlockTests
{
    [Fact]
    public void Block_Small_IsTheseBytes()
    {
        QueueBlockBuilder builder = new(300, 4);
        builder.Add(new BlockEntry(new StoredId(1000, 0)), "e", "k", MessageProperties.Empty, StoredBody.Inline("ab"u8.ToArray()));
        builder.Add(
            new BlockEntry(new StoredId(990, 2), ExpiresUtcMs: 5, FailedDeliveries: 3, Redelivered: true, IsTransient: true),
            "e",
            "k2",
            MessageProperties.Persistent,
            StoredBody.Chunked(9, (long[])[64]));
        Assert.Equal(
            "01" + "ac02" + "04" + "0200" + "e807" + "00000000" + "0e000000" // format, queue, level, count, base, table
            + "00" + "0000" + "02" + "000165" + "00016b" + "0000" + "6162"
            + "1f" + "1302" + "03" + "0a" + "09" + "0140" + "01" + "00026b32" + "001002",
            RecordBodies.HexOf(builder));
        Assert.Equal(new BlockDescriptor(77, 46, 2, new StoredId(990, 2), new StoredId(1000, 0), 11), builder.Describe(77));
    }

    [Fact]
    public void Block_Random_ComesBackByIndexAndInOrder()
    {
        int seed = Seeds.Pick(51);
        RecordSamples samples = new(seed);
        QueueBlockBuilder builder = new(0, 0);
        for (int i = 0; i < 100; i++)
        {
            builder.Restart((uint)i, (byte)i);
            List<string> expected = [];
            int count = 1 + samples.Next(i % 10 == 0 ? 600 : 20);
            for (int n = 0; n < count; n++)
            {
                expected.Add(AddRandom(builder, samples));
            }

            byte[] bytes = RecordBodies.BytesOf(builder);
            Assert.Equal(bytes.Length, builder.Describe(1).Length);
            List<string> actual = ReadAll(bytes, new StringCache(16));
            Assert.True(expected.SequenceEqual(actual), $"seed {seed}, block {i}");
            int index = samples.Next(count);
            Assert.Equal(expected[index], Describe(new QueueBlockReader(bytes)[index], null));
        }
    }

    [Fact]
    public void Block_Full_TakesNoMore()
    {
        QueueBlockBuilder builder = new(1, 0);
        for (int i = 0; i < QueueBlockFormat.MaxCount; i++)
        {
            Assert.False(builder.IsFull);
            Add(builder, i, "orders", "key");
        }

        Assert.True(builder.IsFull);
        Assert.Throws<InvalidOperationException>(() => Add(builder, 5000, "orders", "key"));
        Assert.Equal(QueueBlockFormat.MaxCount, ReadAll(RecordBodies.BytesOf(builder), null).Count);
    }

    [Fact]
    public void Block_TextsRepeated_TakeOneByteEach()
    {
        QueueBlockBuilder builder = new(1, 0);
        for (int i = 0; i < 1000; i++)
        {
            Add(builder, i, "a rather long name of an exchange", $"one.of.three.routing.keys.{i % 3}");
        }

        // Table 4, flags 1, id 2 to 4, length 1, two texts 1 each, properties 2, body 1; and each text anew after 127 messages.
        Assert.InRange(builder.GetLength(), 1000, (1000 * 15) + (40 * 35));
    }

    [Fact]
    public void Block_FromABatch_IsAsFromItsMessage()
    {
        int seed = Seeds.Pick(52);
        RecordSamples samples = new(seed);
        for (int i = 0; i < 200; i++)
        {
            BatchMessage message = samples.Message();
            byte[] batch = RecordBodies.BytesOf(new BatchBody([], [], [message]));
            BlockEntry entry = new(samples.Id());
            QueueBlockBuilder fromMessage = new(1, 0);
            fromMessage.Add(entry, message.Exchange, message.RoutingKey, message.Properties, message.Body);
            QueueBlockBuilder fromBatch = new(1, 0);
            fromBatch.Add(entry, new BatchReader(batch).Messages[0]);
            Assert.True(RecordBodies.BytesOf(fromMessage).AsSpan().SequenceEqual(RecordBodies.BytesOf(fromBatch)), $"seed {seed}, sample {i}");
            Assert.Equal(fromMessage.Describe(1), fromBatch.Describe(1));
        }
    }

    [Fact]
    public void Block_OfMessagesNeverStored_HasNoIds()
    {
        QueueBlockBuilder builder = new(1, 0);
        builder.Add(new BlockEntry(default, IsTransient: true), "", "q", MessageProperties.Empty, StoredBody.Inline(default));
        Assert.Equal(new BlockDescriptor(64, builder.GetLength(), 1, default, default, 0), builder.Describe(64));
    }

    [Fact]
    public void Block_Damaged_IsReadOrRefused()
    {
        int seed = Seeds.Pick(53);
        RecordSamples samples = new(seed);
        for (int i = 0; i < 3; i++)
        {
            QueueBlockBuilder builder = new((uint)samples.Number(32), 1);
            for (int n = 0; n < 4; n++)
            {
                AddRandom(builder, samples);
            }

            Fuzz.Attack(RecordBodies.BytesOf(builder), seed + i, static bytes => ReadAll(bytes, null));
        }
    }

    private static void Add(QueueBlockBuilder builder, int i, string exchange, string routingKey)
        => builder.Add(
            new BlockEntry(new StoredId(1_000_000 + (i * 200), 0)), exchange, routingKey, MessageProperties.Empty, StoredBody.Inline(new byte[1]));

    private static string AddRandom(QueueBlockBuilder builder, RecordSamples samples)
    {
        BatchMessage message = samples.Message();
        BlockEntry entry = new(
            samples.Chance(10) ? default : samples.Id(),
            samples.Chance(50) ? BlockEntry.NoExpiry : (long)samples.Number(),
            (int)samples.Number(samples.Chance(50) ? 0 : 31),
            samples.Chance(50),
            samples.Chance(50));
        builder.Add(entry, message.Exchange, message.RoutingKey, message.Properties, message.Body);
        byte[] body = message.Body.IsChunked ? [] : message.Body.Bytes.ToArray();
        return $"{entry} {message.Body.Length} {string.Join(',', message.Body.ChunkAddresses.ToArray())} "
            + Description.Of(new StoredMessage(new Message(body, message.Properties), message.Exchange, message.RoutingKey));
    }

    private static List<string> ReadAll(byte[] bytes, StringCache? texts)
    {
        List<string> messages = [];
        foreach (BlockMessageView message in new QueueBlockReader(bytes))
        {
            Assert.Equal(messages.Count, message.Index);
            messages.Add(Describe(message, texts));
        }

        return messages;
    }

    private static string Describe(BlockMessageView message, StringCache? texts)
    {
        StoredMessage stored = message.IsChunked
            ? Unchunked(message.ToMessage(texts, Placeholder(message)))
            : message.ToMessage(texts);
        return $"{message.Entry} {message.BodyLength} {string.Join(',', message.Chunks.ToArray())} {Description.Of(stored)}";
    }

    // A body in chunks may be said to be of 2 GiB; the tests of that need none.
    private static ReadOnlyMemory<byte> Placeholder(BlockMessageView message) => new LongMemory(message.BodyLength).Memory;

    private static StoredMessage Unchunked(StoredMessage stored) => stored with { Message = new Message([], stored.Message.Properties) };

    private sealed class LongMemory(int length) : System.Buffers.MemoryManager<byte>
    {
        public override Memory<byte> Memory => CreateMemory(length);

        public override Span<byte> GetSpan() => throw new NotSupportedException();

        public override System.Buffers.MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
