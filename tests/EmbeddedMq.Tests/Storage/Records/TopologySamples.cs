using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Tests.Storage.Records;

/// <summary>Random topology items, and what they are as text.</summary>
internal sealed class TopologySamples(int seed)
{
    private readonly RecordSamples _samples = new(seed);

    public static string Describe(TopologyItem item) => item switch
    {
        TopologyItem.ExchangeDeclared declared => $"{declared} {Description.Of(declared.Declaration.Arguments)}",
        TopologyItem.QueueDeclared declared => $"{declared} {Description.Of(declared.Declaration.Arguments)}",
        TopologyItem.Bound bound => $"{bound} {Description.Of(bound.Arguments)}",
        TopologyItem.Unbound unbound => $"{unbound} {Description.Of(unbound.Arguments)}",
        TopologyItem.PolicySet set => $"{set} {Description.Of(set.Policy.Definition)}",
        TopologyItem.QueueBlockKept kept => $"{kept.QueueId} {kept.Level} {kept.Block} {string.Join(',', kept.Settled.ToArray())} {string.Join(',', kept.Marks)}",
        _ => item.ToString(),
    };

    public TopologyItem[] Many(int max) => _samples.Many(max, Item, atLeastOne: true);

    public TopologyItem Item() => _samples.Next(14) switch
    {
        0 => new TopologyItem.VirtualHostAdded(_samples.Text()),
        1 => new TopologyItem.VirtualHostRemoved(_samples.Text()),
        2 => new TopologyItem.ExchangeDeclared(_samples.Text(), Id(), new ExchangeDeclaration(_samples.Text(), _samples.Text())
        {
            IsDurable = _samples.Chance(50),
            IsAutoDelete = _samples.Chance(50),
            IsInternal = _samples.Chance(50),
            Arguments = _samples.Table(),
        }),
        3 => new TopologyItem.ExchangeDeleted(_samples.Text(), _samples.Text()),
        4 => new TopologyItem.QueueDeclared(_samples.Text(), Id(), new QueueDeclaration(_samples.Text())
        {
            IsDurable = _samples.Chance(50),
            IsAutoDelete = _samples.Chance(50),
            IsExclusive = _samples.Chance(50),
            Arguments = _samples.Table(),
        }),
        5 => new TopologyItem.QueueDeleted(Id()),
        6 => new TopologyItem.Bound(_samples.Text(), _samples.Text(), Destination(), _samples.Text(), _samples.Text(), _samples.Table()),
        7 => new TopologyItem.Unbound(_samples.Text(), _samples.Text(), Destination(), _samples.Text(), _samples.Text(), _samples.Table()),
        8 => new TopologyItem.PolicySet(_samples.Text(), new Policy(_samples.Text(), _samples.Text(), _samples.Table())
        {
            ApplyTo = (PolicyTarget)_samples.Next(5),
            Priority = (int)_samples.Number(32),
        }),
        9 => new TopologyItem.PolicyDeleted(_samples.Text(), _samples.Text()),
        10 => new TopologyItem.QueueTouched(Id()),
        11 => Block(),
        12 => new TopologyItem.ReceiptBlockKept(_samples.Address(), (int)_samples.Number(31), _samples.Next(ReceiptBlock.MaxCount), (long)_samples.Number(55)),
        _ => new TopologyItem.NextQueueId(Id()),
    };

    private TopologyItem.QueueBlockKept Block()
    {
        int count = 1 + _samples.Next(_samples.Chance(20) ? QueueBlockFormat.MaxCount : 200);
        StoredId[] ids = [.. new[] { _samples.Id(), _samples.Id() }.Order()];
        ulong[] settled = new ulong[(count + 63) / 64];
        settled[_samples.Next(settled.Length)] = 1;
        settled[^1] |= 1ul << ((count - 1) % 64);
        return new TopologyItem.QueueBlockKept(
            Id(),
            (byte)_samples.Next(256),
            new BlockDescriptor(_samples.Address(), (int)_samples.Number(31), count, ids[0], ids[1], (long)_samples.Number(63)),
            _samples.Chance(50) ? default : settled,
            _samples.Many(5, () => new BlockMark(_samples.Next(count), (int)_samples.Number(31), _samples.Chance(50))));
    }

    private uint Id() => (uint)_samples.Number(32);

    private DestinationKind Destination() => (DestinationKind)_samples.Next(2);
}
