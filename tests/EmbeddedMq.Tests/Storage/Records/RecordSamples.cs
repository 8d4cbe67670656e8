using System.Globalization;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Tests.Storage.Records;

/// <summary>Random values of everything that is stored, with the ends of every range among them.</summary>
internal sealed class RecordSamples(int seed)
{
    private static readonly string[] Texts =
    [
        "", "a", "orders", "order.eu.placed", "Grüße", "日本語", "😀", "\0", new('x', 42), new('x', 43), new('é', 42), new('日', 43), new('k', 127), new('k', 128), new('k', 255),
    ];

    private readonly Random _random = new(seed);

    public bool Chance(int percent) => _random.Next(100) < percent;

    public int Next(int max) => _random.Next(max);

    public string Text() => Chance(70) ? Texts[_random.Next(Texts.Length)] : "t" + _random.Next(1_000_000).ToString(CultureInfo.InvariantCulture);

    public byte[] Bytes(int maxLength)
    {
        byte[] bytes = new byte[_random.Next(maxLength + 1)];
        _random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Of any magnitude: 0 to 64 significant bits.</summary>
    public ulong Number(int maxBits = 64)
    {
        int bits = _random.Next(maxBits + 1);
        return bits == 0 ? 0 : (ulong)_random.NextInt64(long.MinValue, long.MaxValue) >> (64 - bits);
    }

    public long Address() => (long)Number(52);

    public StoredId Id() => new(Address(), Chance(70) ? 0 : (int)Number(12));

    public object? Value(int depth) => _random.Next(depth > 0 ? 20 : 17) switch
    {
        0 => null,
        1 => true,
        2 => false,
        3 => (sbyte)Number(8),
        4 => (byte)Number(8),
        5 => (short)Number(16),
        6 => (ushort)Number(16),
        7 => (int)Number(32),
        8 => (uint)Number(32),
        9 => (long)Number(),
        10 => BitConverter.UInt32BitsToSingle((uint)Number(32)),
        11 => BitConverter.UInt64BitsToDouble(Number()),
        12 => new decimal((int)Number(32), (int)Number(32), (int)Number(32), Chance(50), (byte)_random.Next(29)),
        13 => Chance(50) ? -0.0 : 0m,
        14 => Bytes(200),
        15 => Chance(20) ? DateTimeOffset.MinValue : Chance(20) ? DateTimeOffset.MaxValue : DateTimeOffset.FromUnixTimeSeconds(_random.Next()),
        16 => Text(),
        17 => Table(depth - 1),
        _ => Enumerable.Range(0, _random.Next(4)).Select(_ => Value(depth - 1)).ToArray(),
    };

    public HeaderTable Table(int depth = 3)
        => new(Enumerable.Range(0, _random.Next(Chance(10) ? 30 : 5)).Select(_ => KeyValuePair.Create(Text(), Value(depth))));

    public MessageProperties Properties()
    {
        int percent = _random.Next(4) switch { 0 => 0, 1 => 100, _ => 30 };
        return new MessageProperties
        {
            ContentType = TextOrNull(),
            ContentEncoding = TextOrNull(),
            Headers = Chance(percent) ? Table() : null,
            DeliveryMode = Chance(60) ? (DeliveryMode)_random.Next(1, 3) : null,
            Priority = Chance(percent) ? (byte)_random.Next(256) : null,
            CorrelationId = TextOrNull(),
            ReplyTo = TextOrNull(),
            Expiration = TextOrNull(),
            MessageId = TextOrNull(),
            Timestamp = Chance(percent) ? Time() : null,
            Type = TextOrNull(),
            UserId = TextOrNull(),
            AppId = TextOrNull(),
            ClusterId = TextOrNull(),
        };

        string? TextOrNull() => Chance(percent) ? Text() : null;
    }

    public StoredBody Body() => Chance(20)
        ? StoredBody.Chunked((int)Number(31), Many(3, Address, atLeastOne: true))
        : StoredBody.Inline(Bytes(300));

    public QueueRef[] Refs() => Many(4, () => new QueueRef((uint)Number(32), Chance(50) ? QueueRef.NoTtl : (long)Number(63)));

    public BatchMessage Message() => new(Text(), Text(), Properties(), Body(), Refs(), Chance(50) ? (byte)0 : (byte)_random.Next(256));

    public Settle Settle() => _random.Next(3) switch
    {
        0 => EmbeddedMq.Storage.Records.Settle.Entries((uint)Number(32), RisingIds()),
        1 => EmbeddedMq.Storage.Records.Settle.BlockEntries(Address(), Many(20, () => (ushort)Number(16), atLeastOne: true).Distinct().Order().ToArray()),
        _ => EmbeddedMq.Storage.Records.Settle.WholeBlock(Address()),
    };

    public Mark Mark() => Chance(20) ? EmbeddedMq.Storage.Records.Mark.Expiry((uint)Number(32), Id(), (long)Number(63)) : Chance(50)
        ? EmbeddedMq.Storage.Records.Mark.Entry((uint)Number(32), Id(), (int)Number(Chance(50) ? 0 : 31), Chance(50))
        : EmbeddedMq.Storage.Records.Mark.BlockEntry(Address(), (int)Number(16), (int)Number(Chance(50) ? 0 : 31), Chance(50));

    public T[] Many<T>(int max, Func<T> make, bool atLeastOne = false)
        => [.. Enumerable.Range(0, atLeastOne ? 1 + _random.Next(max) : _random.Next(max + 1)).Select(_ => make())];

    private StoredId[] RisingIds()
    {
        List<StoredId> ids = [.. Many(20, Id, atLeastOne: true).Where(id => id.Value != 0)];
        ids.AddRange(ids.ToArray().Where(id => id.Index < StoredId.MaxMessages - 9).Select(id => new StoredId(id.Address, id.Index + 1 + _random.Next(8))));
        ids.Add(new StoredId(StoredId.MaxAddress, StoredId.MaxMessages - 1));
        return [.. ids.Distinct().Order()];
    }

    private DateTimeOffset Time()
    {
        TimeSpan offset = TimeSpan.FromMinutes(_random.Next(-14 * 60, (14 * 60) + 1));
        return Chance(10) ? DateTimeOffset.MinValue : Chance(10) ? DateTimeOffset.MaxValue
            : new DateTimeOffset(_random.NextInt64(DateTime.UnixEpoch.Ticks, DateTime.MaxValue.Ticks - TimeSpan.TicksPerDay), offset);
    }
}
