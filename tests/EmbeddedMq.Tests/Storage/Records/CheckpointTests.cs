using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Records;

public sealed class CheckpointTests
{
    [Fact]
    public void Checkpoint_Small_IsTheseBytes()
    {
        CheckpointWriter writer = new(200);
        Assert.Null(writer.Add(new TopologyItem.VirtualHostAdded("/")));
        Assert.Null(writer.Add(new TopologyItem.NextQueueId(1)));
        Assert.Equal("01c80100" + "01012f" + "1001", Convert.ToHexStringLower(writer.End(out CheckpointEnd end)!));
        Assert.Equal("01c8010102", RecordBodies.HexOf(end));
    }

    [Fact]
    public void Checkpoint_Large_IsManyRecordsAndComesBack()
    {
        int seed = Seeds.Pick(41);
        TopologySamples samples = new(seed);
        TopologyItem[] items = [.. Enumerable.Range(0, 20_000).Select(_ => samples.Item())];
        (List<byte[]> records, byte[] end) = Write(7, items);
        Assert.True(records.Count > 2, $"seed {seed}: {records.Count} records");
        Assert.All(records, record => Assert.InRange(record.Length, 1, CheckpointWriter.MaxRecordBytes));
        Assert.All(records.SkipLast(1), record => Assert.InRange(record.Length, CheckpointWriter.MaxRecordBytes - 65_536, CheckpointWriter.MaxRecordBytes));
        IReadOnlyList<TopologyItem>? read = Read(new CheckpointReader(new StringCache()), records, end);
        Assert.True(items.Select(TopologySamples.Describe).SequenceEqual(read!.Select(TopologySamples.Describe)), $"seed {seed}");
    }

    [Fact]
    public void Checkpoint_LogOfShortRecords_IsShortRecords()
    {
        CheckpointWriter writer = new(1, 100);
        List<byte[]> records = [.. Enumerable.Range(0, 200).Select(_ => writer.Add(new TopologyItem.QueueTouched(1))).OfType<byte[]>()];
        records.Add(writer.End(out CheckpointEnd end)!);
        Assert.All(records, static record => Assert.InRange(record.Length, 1, 100));
        Assert.Equal(records.Count, (int)end.RecordCount);
    }

    [Fact]
    public void Checkpoint_ItemBeyondTheLimit_IsARecordByItself()
    {
        TopologyItem small = new TopologyItem.QueueTouched(1);
        TopologyItem large = new TopologyItem.QueueDeclared("/", 1, new QueueDeclaration("q").WithArgument("x", new byte[CheckpointWriter.MaxRecordBytes]));
        (List<byte[]> records, byte[] end) = Write(1, [small, large, small]);
        Assert.Equal([5, 1 << 20, 5], records.Select(record => record.Length > 1 << 20 ? 1 << 20 : record.Length));
        Assert.Equal(3, Read(new CheckpointReader(), records, end)!.Count);
    }

    [Fact]
    public void Checkpoint_OfNothing_IsCompleteAndEmpty()
    {
        (List<byte[]> records, byte[] end) = Write(1, []);
        Assert.Empty(records);
        Assert.Empty(Read(new CheckpointReader(), records, end)!);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Checkpoint_RecordMissing_IsNotComplete(int missing)
    {
        (List<byte[]> records, byte[] end) = WriteThree(1);
        records.RemoveAt(missing);
        Assert.Null(Read(new CheckpointReader(), records, end));
    }

    [Fact]
    public void Checkpoint_AfterOneWithoutEnd_IsRead()
    {
        CheckpointReader reader = new();
        (List<byte[]> first, _) = WriteThree(1);
        (List<byte[]> second, byte[] end) = WriteThree(2);
        Assert.Equal(3, Read(reader, [.. first.Take(2), .. second], end)!.Count);
    }

    [Fact]
    public void Checkpoint_EndOfAnother_IsNotComplete()
    {
        (List<byte[]> records, _) = WriteThree(1);
        (_, byte[] end) = WriteThree(2);
        CheckpointReader reader = new();
        Assert.Null(Read(reader, records, end));
        Assert.Null(Read(reader, records.Skip(1), WriteThree(1).End)); // nothing is left of what the first end refused
    }

    [Fact]
    public void Checkpoint_Ended_TakesNoMore()
    {
        CheckpointWriter writer = new(1);
        writer.End(out _);
        Assert.Throws<InvalidOperationException>(() => writer.Add(new TopologyItem.QueueTouched(1)));
    }

    [Fact]
    public void Checkpoint_Damaged_IsReadOrRefused()
    {
        int seed = Seeds.Pick(42);
        (List<byte[]> records, byte[] end) = Write(300, new TopologySamples(seed).Many(6));
        Fuzz.Attack(records[0], seed, static bytes => new CheckpointReader().Add(bytes));
        Fuzz.Attack(end, seed, static bytes => new CheckpointReader().End(bytes), static bytes => RecordBodies.BytesOf(CheckpointEnd.Read(bytes)));
    }

    // Each item fills more than half of a record.
    private static (List<byte[]> Records, byte[] End) WriteThree(ulong id)
    {
        byte[] half = new byte[(CheckpointWriter.MaxRecordBytes / 2) + 1];
        TopologyItem item = new TopologyItem.QueueDeclared("/", 1, new QueueDeclaration("q").WithArgument("x", half));
        (List<byte[]> records, byte[] end) = Write(id, [item, item, item]);
        Assert.Equal(3, records.Count);
        return (records, end);
    }

    private static (List<byte[]> Records, byte[] End) Write(ulong id, TopologyItem[] items)
    {
        CheckpointWriter writer = new(id);
        List<byte[]> records = [.. items.Select(writer.Add).OfType<byte[]>()];
        if (writer.End(out CheckpointEnd end) is { } last)
        {
            records.Add(last);
        }

        return (records, RecordBodies.BytesOf(end));
    }

    private static IReadOnlyList<TopologyItem>? Read(CheckpointReader reader, IEnumerable<byte[]> records, byte[] end)
    {
        foreach (byte[] record in records)
        {
            reader.Add(record);
        }

        return reader.End(end);
    }
}
