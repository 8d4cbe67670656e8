using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A broker whose store is on a file system that fails when it is told to, and so small that it evacuates, compacts and writes checkpoints soon.</summary>
internal sealed class FaultyBroker(FaultyFiles files) : IAsyncDisposable
{
    private const string Directory = "/store";

    private RecentLog _log = new();
    private Broker? _broker;

    /// <summary>The clock; time passes only where a test says so.</summary>
    public AskedTime Time { get; } = new();

    /// <summary>How much of the disk must be free for publishers to be let in, in bytes.</summary>
    public long WatermarkBytes { get; init; }

    /// <summary>What a confirm waits for.</summary>
    public Durability Durability { get; init; } = Durability.Synced;

    /// <summary>Whether the next start salvages.</summary>
    public bool Salvage { get; set; }

    /// <summary>Puts something before the journal; else the broker has the journal itself.</summary>
    public Func<IJournal, IJournal> Wrap { get; set; } = static journal => journal;

    /// <summary>What the broker has logged last since it was started.</summary>
    public string Log => _log.ToString();

    /// <summary>The broker.</summary>
    public Broker Broker => _broker ?? throw new InvalidOperationException("The broker is stopped.");

    /// <summary>Starts it on what the file system holds.</summary>
    /// <returns>A channel that confirms.</returns>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<IChannel> StartAsync(CancellationToken cancellationToken = default)
    {
        _log = new RecentLog();
        BrokerOptions options = new() { DataDirectory = Directory, TimeProvider = Time, RandomSeed = 1, BacklogMemoryBytes = 64 << 10, LoggerFactory = _log };
        options.Storage.FreeSpaceWatermarkBytes = 0;
        options.Storage.ReserveBytes = 0;
        options.Storage.JournalBytes = 1 << 20;
        options.Storage.Durability = Durability;
        options.Storage.Salvage = Salvage;
        options.Storage.OpenJournal = async (journal, time, _) => Wrap(await FasterJournal.OpenAsync(
            JournalOptionsOf(journal.Directory, WatermarkBytes, journal.Salvage), files, time));
        _broker = await EmbeddedMq.Broker.StartAsync(options, cancellationToken);
        return await OpenChannelAsync(ChannelMode.Confirm);
    }

    /// <summary>How its store is laid out.</summary>
    public static JournalOptions JournalOptionsOf(string directory, long watermarkBytes = 0, bool salvage = false) => new()
    {
        Directory = directory,
        Hot = new LogSizes { PageBytes = 64 << 10, MemoryBytes = 512 << 10, SegmentBytes = 128 << 10 },
        Cold = new LogSizes { PageBytes = 256 << 10, MemoryBytes = 1 << 20, SegmentBytes = 512 << 10 },
        MaxUncommittedBytes = 128 << 10,
        FreeSpaceWatermarkBytes = watermarkBytes,
        BallastBytes = 0,
        Salvage = salvage,
    };

    /// <summary>Opens a channel on a connection of its own.</summary>
    public async Task<IChannel> OpenChannelAsync(ChannelMode mode)
        => await (await Broker.ConnectAsync()).OpenChannelAsync(new ChannelOptions { Mode = mode });

    /// <summary>The disk works again: lets time pass until the broker has found that out and put everything into order.</summary>
    public async Task HealAsync()
    {
        files.FailAt = 0;
        files.FailForEver = false;
        IChannel channel = await OpenChannelAsync(ChannelMode.Plain);
        string probe = $"healed-{Time.GetTimestamp()}";
        for (int i = 0; i < 200_000; i++)
        {
            try
            {
                await channel.DeclareExchangeAsync(probe, ExchangeType.Fanout, static exchange => exchange.Durable());
                await channel.DeleteExchangeAsync(probe);
                return;
            }
            catch (JournalException)
            {
                Time.Advance(TimeSpan.FromSeconds(1));
                await Task.Yield();
            }
        }

        throw new InvalidOperationException($"The broker did not go on by itself. {Broker.Journal.Failure}");
    }

    /// <summary>Ends it, in order or not, and starts it again.</summary>
    public async Task<IChannel> RestartAsync(bool crash, bool cutPower = false)
    {
        if (cutPower)
        {
            files.CutPower();
        }
        else if (crash)
        {
            files.KillProcess();
        }

        await DisposeAsync();
        return await StartAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _broker, null) is { } broker)
        {
            await broker.DisposeAsync();
        }
    }
}
