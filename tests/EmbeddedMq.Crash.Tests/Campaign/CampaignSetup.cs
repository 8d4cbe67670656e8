using System.Globalization;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>What the process that is killed and the process that judges must agree on.</summary>
/// <param name="Directory">The data directory.</param>
/// <param name="Seed">The campaign's seed.</param>
/// <param name="Life">How many processes there were before on the same directory.</param>
/// <param name="Durability">What confirms wait for.</param>
/// <param name="BacklogBytes">Bytes of messages that stay in memory.</param>
internal sealed record CampaignSetup(string Directory, int Seed, int Life, Durability Durability, long BacklogBytes)
{
    /// <summary>The exchange that copies to <see cref="Consumed"/> of fan-out and its twin.</summary>
    public const string Fan = "fan";

    /// <summary>The exchange that delays, into the queue <c>late</c>.</summary>
    public const string Later = "later";

    /// <summary>The exchange that the bindings of the topology actor hang on.</summary>
    public const string Topo = "topo";

    /// <summary>The queue of which most messages are acknowledged once they have moved to the cold log, and the others stay.</summary>
    public const string Sparse = "sparse";

    /// <summary>The queues with a consumer; what it rejects goes to <c>dead</c>.</summary>
    public static readonly string[] Consumed = ["q0", "f0"];

    /// <summary>All queues that are there from the beginning to the end.</summary>
    public static readonly string[] Queues = ["q0", "q1", "f0", "f1", "prio", "work", "done", "dead", "late", "ttl", "expired", Sparse];

    /// <summary>Reads what <see cref="ToArguments"/> wrote.</summary>
    public static CampaignSetup Parse(string[] args) => new(
        args[0],
        int.Parse(args[1], CultureInfo.InvariantCulture),
        int.Parse(args[2], CultureInfo.InvariantCulture),
        Enum.Parse<Durability>(args[3]),
        long.Parse(args[4], CultureInfo.InvariantCulture));

    /// <summary>This as arguments of a program.</summary>
    public string[] ToArguments() =>
    [
        Directory,
        Seed.ToString(CultureInfo.InvariantCulture),
        Life.ToString(CultureInfo.InvariantCulture),
        Durability.ToString(),
        BacklogBytes.ToString(CultureInfo.InvariantCulture),
    ];

    /// <summary>Options of the broker: files so small that a life fills several, that messages move to the cold log and within it, and that bodies need
    /// pieces.</summary>
    public BrokerOptions ToBrokerOptions(TimeProvider time)
    {
        BrokerOptions options = new() { DataDirectory = Directory, BacklogMemoryBytes = BacklogBytes, TimeProvider = time };
        options.Storage.Durability = Durability;
        options.Storage.FreeSpaceWatermarkBytes = 0;
        options.Storage.ReserveBytes = 0;
        options.Storage.JournalBytes = Life % 4 == 0 ? 2 << 20 : 1 << 20; // beyond it what stays is moved to the cold log
        options.Storage.OpenJournal = static async (journal, clock, _) => await FasterJournal.OpenAsync(
            new JournalOptions
            {
                Directory = journal.Directory,
                Hot = new LogSizes { PageBytes = 64 << 10, MemoryBytes = 1 << 20, SegmentBytes = 128 << 10 },
                Cold = new LogSizes { PageBytes = 256 << 10, MemoryBytes = 1 << 20, SegmentBytes = 512 << 10 },
                MaxUncommittedBytes = 256 << 10,
                FreeSpaceWatermarkBytes = journal.FreeSpaceWatermarkBytes,
                BallastBytes = journal.BallastBytes,
                MakesSpares = journal.MakesSpares,
                Salvage = journal.Salvage,
            },
            OsFiles.Instance,
            clock);
        return options;
    }

    /// <summary>Declares what is there from the beginning to the end.</summary>
    public static async Task DeclareAsync(IChannel channel)
    {
        foreach (string queue in Queues.Append(Effects.Source).Append(Effects.Target))
        {
            await channel.DeclareQueueAsync(queue, declaration => queue switch
            {
                "q0" or "f0" => declaration.Durable().DeadLetterTo("dead"),
                "prio" => declaration.Durable().WithMaxPriority(4),
                "ttl" => declaration.Durable().WithMessageTtl(TimeSpan.FromMilliseconds(150)).DeadLetterTo("expired"),
                _ => declaration.Durable(),
            });
        }

        await channel.DeclareExchangeAsync(Fan, ExchangeType.Fanout, static exchange => exchange.Durable());
        await channel.DeclareExchangeAsync(Topo, ExchangeType.Direct, static exchange => exchange.Durable());
        await channel.DeclareExchangeAsync(
            Later, ExchangeType.Delayed, static exchange => exchange.Durable().WithArgument("x-delayed-type", ExchangeType.Fanout));
        await channel.BindQueueAsync("f0", Fan, "");
        await channel.BindQueueAsync("f1", Fan, "");
        await channel.BindQueueAsync("late", Later, "");
    }
}
