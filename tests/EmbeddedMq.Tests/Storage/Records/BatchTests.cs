using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Records;

public sealed class BatchTests
{
    private static readonly MessageProperties SomeProperties = new() { DeliveryMode = DeliveryMode.Persistent, MessageId = "m" };

    [Fact]
    public void Publish_Small_IsTheseBytes()
        => Assert.Equal(
            "01" + "08" + "01" + "18" // format, messages, one, of 24 bytes
            + "01" + "05" + "03" // has a priority: 5; a body of 3 bytes
            + "02" + "0e" + "f104e807" // two refs: queue 7, queue 312 for 1,000 ms
            + "026578" + "03726b31" // exchange ex, routing key rk1
            + "8010" + "02" + "016d" // properties: persistent, message id m
            + "626f64",
            RecordBodies.HexOf(new PublishBody("ex", "rk1", new Message("bod"u8, SomeProperties), [new QueueRef(7), new QueueRef(312, 1000)], 5)));

    [Fact]
    public void Publish_InChunks_IsTheseBytes()
        => Assert.Equal(
            "01080110" + "02" + "c0843d" + "02" + "40" + "808001" + "0102" + "00" + "0171" + "0000",
            RecordBodies.HexOf(new PublishBody(
                "", "q", MessageProperties.Empty, StoredBody.Chunked(1_000_000, (long[])[64, 16_384]), [new QueueRef(1)])));

    [Fact]
    public void Batch_OfEverything_IsTheseBytes()
    {
        StoredId[] ids = [new(1000, 0), new(1160, 0), new(1160, 2), new(1400, 3)];
        BatchBody body = new(
            [Settle.Entries(3, ids), Settle.BlockEntries(300, (ushort[])[0, 1, 4095]), Settle.WholeBlock(64)],
            [Mark.Entry(3, new StoredId(1000, 1), 2, redelivered: true), Mark.BlockEntry(300, 200, 0, redelivered: true)],
            [new BatchMessage("", "q", MessageProperties.Empty, StoredBody.Inline("b"u8.ToArray()), (QueueRef[])[new(3)])],
            transactionId: 129);
        Assert.Equal(
            "01" + "0f" + "8101" // format, all flags, transaction
            + "16" + "00" + "03" + "09" + "d00f" + "c002" + "0102" + "e10303" // entries
            + "01" + "ac02" + "04" + "0001fe1f" // of a block
            + "02" + "40" // a block
            + "0b" + "06" + "03" + "e80701" + "02" // an entry marked
            + "03" + "ac02" + "c801" // one of a block marked
            + "01" + "0a" + "00" + "01" + "0106" + "00" + "0171" + "0000" + "62",
            RecordBodies.HexOf(body));
    }

    [Fact]
    public void TransactionEnd_IsTheseBytes()
    {
        byte[] bytes = RecordBodies.BytesOf(new TransactionEnd(300));
        Assert.Equal("01ac02", Convert.ToHexStringLower(bytes));
        Assert.Equal(300ul, TransactionEnd.Read(bytes).TransactionId);
        Fuzz.Attack(bytes, Seeds.Pick(1), static damaged => TransactionEnd.Read(damaged), static damaged => RecordBodies.BytesOf(TransactionEnd.Read(damaged)));
    }

    [Fact]
    public void Publish_Random_ComesBack()
    {
        int seed = Seeds.Pick(21);
        RecordSamples samples = new(seed);
        for (int i = 0; i < 1000; i++)
        {
            BatchMessage message = samples.Message();
            byte[] bytes = RecordBodies.BytesOf(
                new PublishBody(message.Exchange, message.RoutingKey, message.Properties, message.Body, message.Refs.Span, message.Priority));
            AssertSame([], [], [message], 0, bytes, $"seed {seed}, sample {i}");
            Assert.Equal(bytes, RecordBodies.BytesOf(new BatchBody([], [], [message])));
        }
    }

    [Fact]
    public void Batch_Random_ComesBack()
    {
        int seed = Seeds.Pick(22);
        RecordSamples samples = new(seed);
        for (int i = 0; i < 500; i++)
        {
            Settle[] settles = samples.Many(4, samples.Settle);
            Mark[] marks = samples.Many(4, samples.Mark);
            BatchMessage[] messages = samples.Many(3, samples.Message);
            ulong transactionId = samples.Chance(50) ? 0 : samples.Number();
            byte[] bytes = RecordBodies.BytesOf(new BatchBody(settles, marks, messages, transactionId));
            AssertSame(settles, marks, messages, transactionId, bytes, $"seed {seed}, sample {i}");
        }
    }

    [Fact]
    public void Message_ByIndex_IsFoundOrRefused()
    {
        BatchMessage message = new("", "q", MessageProperties.Empty, StoredBody.Inline(default), default);
        BatchReader reader = new(RecordBodies.BytesOf(new BatchBody([], [], [message, message with { RoutingKey = "second" }])));
        Assert.Equal("second", reader.Messages[1].ToMessage(null).RoutingKey);
        byte[] bytes = RecordBodies.BytesOf(new BatchBody([], [], [message]));
        Assert.Throws<RecordFormatException>(() => new BatchReader(bytes).Messages[1].Index);
    }

    [Fact]
    public void Settles_NotRising_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => Settle.Entries(1, (StoredId[])[new(2, 0), new(2, 0)]).GetLength());
        Assert.Throws<ArgumentException>(() => Settle.BlockEntries(1, (ushort[])[1, 1]).GetLength());
    }

    [Fact]
    public void Settle_OfMessagesAloneInTheirRecords_TakesTwoBytesEach()
    {
        StoredId[] ids = [.. Enumerable.Range(0, 1000).Select(i => new StoredId(1_000_000 + (i * 200), 0))];
        Assert.InRange(Settle.Entries(1, ids).GetLength(), 2000, 2010);
    }

    [Fact]
    public void Publish_AllocatesNothing()
    {
        Message message = new(new byte[100], SomeProperties.WithHeader("tenant", "a").WithHeader("attempt", 3));
        byte[] destination = new byte[1000];
        QueueRef[] refs = [new QueueRef(1), new QueueRef(2, 60_000)];
        long before = 0;
        for (int i = 0; i < 200; i++)
        {
            if (i == 100)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            PublishBody body = new("orders", "order.eu.placed", message, refs, 4);
            body.Write(destination.AsSpan(0, body.GetLength()));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Batch_Damaged_IsReadOrRefused()
    {
        int seed = Seeds.Pick(23);
        RecordSamples samples = new(seed);
        for (int i = 0; i < 4; i++)
        {
            byte[] bytes = RecordBodies.BytesOf(new BatchBody(
                samples.Many(3, samples.Settle), samples.Many(3, samples.Mark), samples.Many(2, samples.Message), samples.Number()));
            Fuzz.Attack(bytes, seed + i, ReadAll);
        }
    }

    [Fact]
    public void Message_WithTextsFromTheCache_SharesThem()
    {
        StringCache texts = new();
        byte[] bytes = RecordBodies.BytesOf(new PublishBody("orders", "größe", new Message("x"u8), []));
        StoredMessage first = new BatchReader(bytes).Messages[0].ToMessage(texts);
        StoredMessage second = new BatchReader(bytes).Messages[0].ToMessage(texts);
        Assert.Same(first.Exchange, second.Exchange);
        Assert.Equal("größe", second.RoutingKey);
    }

    private static void AssertSame(
        Settle[] settles, Mark[] marks, BatchMessage[] messages, ulong transactionId, byte[] bytes, string sample)
    {
        BatchReader reader = new(bytes);
        Assert.Equal(transactionId, reader.TransactionId);
        List<string> expected = [.. settles.Select(DescribeWritten), .. marks.Select(mark => mark.ToString()), .. messages.Select(DescribeWritten)];
        List<string> actual = [];
        foreach (SettleView settle in reader.Settles)
        {
            actual.Add(DescribeRead(settle));
        }

        foreach (Mark mark in reader.Marks)
        {
            actual.Add(mark.ToString());
        }

        foreach (MessageView message in reader.Messages)
        {
            Assert.True(bytes.AsSpan(message.Offset, message.Bytes.Length).SequenceEqual(message.Bytes), sample);
            actual.Add(DescribeRead(message));
        }

        Assert.True(expected.SequenceEqual(actual), $"{sample}:\n{string.Join('\n', expected)}\n\n{string.Join('\n', actual)}");
    }

    private static string DescribeWritten(Settle settle) => $"{settle.Kind} {settle.Key}: {string.Join(',', settle.Ids.ToArray())} {string.Join(',', settle.Indexes.ToArray())}";

    private static string DescribeRead(SettleView settle)
    {
        List<StoredId> ids = [];
        foreach (StoredId id in settle.Ids)
        {
            ids.Add(id);
        }

        List<int> indexes = [];
        foreach (int index in settle.Indexes)
        {
            indexes.Add(index);
        }

        return $"{settle.Kind} {(settle.Kind == SettleKind.Entries ? settle.QueueId : settle.BlockAddress)}: {string.Join(',', ids)} {string.Join(',', indexes)}";
    }

    private static string DescribeWritten(BatchMessage message)
    {
        byte[] body = message.Body.IsChunked ? [] : message.Body.Bytes.ToArray();
        return $"{message.Priority} {string.Join(',', message.Refs.ToArray())} {message.Body.Length} {string.Join(',', message.Body.ChunkAddresses.ToArray())} "
            + Description.Of(new StoredMessage(new Message(body, message.Properties), message.Exchange, message.RoutingKey));
    }

    private static string DescribeRead(MessageView message)
    {
        List<QueueRef> refs = [];
        foreach (QueueRef queue in message.Refs)
        {
            refs.Add(queue);
        }

        StoredMessage stored = message.IsChunked ? message.Content.ToMessage(null, ReadOnlyMemory<byte>.Empty) : message.ToMessage(null);
        return $"{message.Priority} {string.Join(',', refs)} {message.BodyLength} {string.Join(',', message.Chunks.ToArray())} {Description.Of(stored)}";
    }

    private static void ReadAll(byte[] bytes)
    {
        BatchReader reader = new(bytes);
        foreach (SettleView settle in reader.Settles)
        {
            DescribeRead(settle);
        }

        foreach (Mark mark in reader.Marks)
        {
            GC.KeepAlive(mark.FailedDeliveries);
        }

        foreach (MessageView message in reader.Messages)
        {
            DescribeRead(message);
        }
    }
}
