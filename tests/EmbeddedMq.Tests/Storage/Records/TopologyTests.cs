using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Records;

public sealed class TopologyTests
{
    private static readonly HeaderTable Arguments = HeaderTable.Of("x", 1);

    private static readonly (TopologyItem Item, string Hex)[] Golden =
    [
        (new TopologyItem.VirtualHostAdded("/"), "01012f"),
        (new TopologyItem.VirtualHostRemoved("v"), "020176"),
        (new TopologyItem.ExchangeDeclared("/", 300, new ExchangeDeclaration("e", "topic") { IsDurable = true, IsInternal = true, Arguments = Arguments }),
            "03012f" + "ac02" + "0165" + "05746f706963" + "05" + "0101780702"),
        (new TopologyItem.ExchangeDeleted("/", "e"), "04012f0165"),
        (new TopologyItem.QueueDeclared("/", 1, new QueueDeclaration("q") { IsAutoDelete = true, IsExclusive = true }),
            "05012f" + "01" + "0171" + "06" + "00"),
        (new TopologyItem.QueueDeleted(uint.MaxValue), "06ffffffff0f"),
        (new TopologyItem.Bound("/", "e", DestinationKind.Exchange, "d", "k.#", Arguments),
            "07012f" + "0165" + "01" + "0164" + "036b2e23" + "0101780702"),
        (new TopologyItem.Unbound("/", "e", DestinationKind.Queue, "q", "", HeaderTable.Empty), "08012f" + "0165" + "00" + "0171" + "00" + "00"),
        (new TopologyItem.PolicySet("/", new Policy("p", "^q", Arguments) { ApplyTo = PolicyTarget.QuorumQueues, Priority = -2 }),
            "09012f" + "0170" + "025e71" + "04" + "03" + "0101780702"),
        (new TopologyItem.PolicyDeleted("/", "p"), "0a012f0170"),
        (new TopologyItem.QueueTouched(7), "0b07"),
        (new TopologyItem.QueueBlockKept(
                7, 9, new BlockDescriptor(4096, 1000, 65, new StoredId(64, 0), new StoredId(128, 3), 500), new ulong[] { 5, 1 }, [new(64, 2, true), new(1, 0, false)]),
            "0c" + "07" + "09" + "8020" + "e807" + "41" + "4000" + "800103" + "f403" + "0105000000000000000100000000000000" + "02" + "810102" + "0200"),
        (new TopologyItem.NextQueueId(8), "1008"),
        (new TopologyItem.QueueRedelivered(7, new StoredId(128, 3)), "0e07" + "800103"),
        (new TopologyItem.ReceiptBlockKept(4096, 1000, 300, 1_893_456_000_000), "0f" + "8020" + "e807" + "ac02" + "80e896d68d37"),
    ];

    public static TheoryData<string> Kinds => [.. Golden.Select(row => row.Item.GetType().Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Item_OfEachKind_IsTheseBytes(string kind)
    {
        (TopologyItem item, string hex) = Golden.Single(row => row.Item.GetType().Name == kind);
        Assert.Equal("01" + hex, RecordBodies.HexOf(new TopologyBody(item)));
    }

    [Fact]
    public void Golden_HasEveryKind()
        => Assert.Equal(
            typeof(TopologyItem).GetNestedTypes(System.Reflection.BindingFlags.NonPublic).Where(type => type.IsSubclassOf(typeof(TopologyItem))).ToHashSet(),
            Golden.Select(row => row.Item.GetType()).ToHashSet());

    [Fact]
    public void Items_Random_ComeBackInOrder()
    {
        int seed = Seeds.Pick(31);
        TopologySamples samples = new(seed);
        for (int i = 0; i < 300; i++)
        {
            TopologyItem[] items = samples.Many(10);
            string[] read = Read(RecordBodies.BytesOf(new TopologyBody(items)));
            Assert.True(items.Select(TopologySamples.Describe).SequenceEqual(read), $"seed {seed}, sample {i}");
        }
    }

    [Fact]
    public void Items_Damaged_AreReadOrRefused()
    {
        int seed = Seeds.Pick(32);
        Fuzz.Attack(RecordBodies.BytesOf(new TopologyBody([.. Golden.Select(row => row.Item)])), seed, static bytes => Read(bytes), WriteAgain);
        TopologySamples samples = new(seed);
        for (int i = 0; i < 5; i++)
        {
            Fuzz.Attack(RecordBodies.BytesOf(new TopologyBody(samples.Many(4))), seed + i, static bytes => Read(bytes), WriteAgain);
        }
    }

    [Fact]
    public void Block_WithWordsOfAnotherCount_CannotBeWritten()
    {
        BlockDescriptor block = new(64, 100, 65, default, default, 0);
        Assert.Throws<ArgumentException>(() => new TopologyBody(new TopologyItem.QueueBlockKept(1, 0, block, new ulong[] { 1 }, [])).GetLength());
    }

    private static string[] Read(byte[] bytes)
    {
        List<string> items = [];
        foreach (TopologyItem item in new TopologyReader(bytes))
        {
            items.Add(TopologySamples.Describe(item));
        }

        return [.. items];
    }

    private static byte[] WriteAgain(byte[] bytes)
    {
        List<TopologyItem> items = [];
        foreach (TopologyItem item in new TopologyReader(bytes))
        {
            items.Add(item);
        }

        return RecordBodies.BytesOf(new TopologyBody([.. items]));
    }
}
