using System.Collections.Concurrent;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.Storage.Recovery;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Hosting;

/// <summary>Joins a broker with its store: opens it, brings back what was there, keeps it short, and closes it.</summary>
/// <remarks>Its loop is the only one that writes checkpoints while the broker runs.</remarks>
internal sealed class StorageKeeper : IAsyncDisposable
{
    // How much of the journal a replay reads at most beyond what is alive, as a share of what the journal may take.
    private const int CheckpointShare = 4;

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly MessageStore _store;
    private readonly ConcurrentDictionary<string, VirtualHost> _virtualHosts;
    private readonly StorageOptions _options;
    private readonly BrokerServices _services;
    private readonly Checkpointer _checkpointer;
    private readonly CancellationTokenSource _stopping = new();
    private readonly BlockWriter _blockWriter;
    private Task _loop = Task.CompletedTask;

    /// <summary>Makes it for a broker that has not begun.</summary>
    /// <param name="store">The store.</param>
    /// <param name="virtualHosts">The broker's virtual hosts.</param>
    /// <param name="options">How it stores.</param>
    /// <param name="services">What the broker's parts share.</param>
    internal StorageKeeper(MessageStore store, ConcurrentDictionary<string, VirtualHost> virtualHosts, StorageOptions options, BrokerServices services)
    {
        _store = store;
        _virtualHosts = virtualHosts;
        _options = options;
        _services = services;
        _blockWriter = new BlockWriter(services);
        _checkpointer = new Checkpointer(store, () => virtualHosts.Values.SelectMany(static host => host.DescribeStored()));
    }

    private IAppendLog Hot => _store.Journal.Hot;

    /// <summary>Opens a data directory.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="JournalException">It is in use, damaged, or cannot be opened.</exception>
    internal static async ValueTask<IJournal> OpenAsync(StorageOptions options, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        JournalOptions journal = new()
        {
            Directory = Path.GetFullPath(options.Directory!),
            FreeSpaceWatermarkBytes = options.FreeSpaceWatermarkBytes,
            BallastBytes = options.ReserveBytes,
            Salvage = options.Salvage,
        };
        return options.OpenJournal is { } open
            ? await open(journal, timeProvider, cancellationToken).ConfigureAwait(false)
            : await FasterJournal.OpenAsync(journal, new OsFiles(), timeProvider).ConfigureAwait(false);
    }

    /// <summary>Brings back what was there when the broker stopped, and begins to keep the store short.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    internal async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        await Task.Run(Restore, cancellationToken).ConfigureAwait(false);
        await _checkpointer.RunAsync(cancellationToken).ConfigureAwait(false);
        _loop = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>Ends the loop and closes the store; all that was appended is synced.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stopping.Dispose();
        if (_store.Journal.State != JournalState.Failed)
        {
            await TryCheckpointAsync(CancellationToken.None).ConfigureAwait(false);
        }

        await _store.DisposeAsync().ConfigureAwait(false);
    }

    private void Restore()
    {
        RecoveredStore recovered = new StoreReplay(_store.Journal).Run();
        _store.RestoreLastQueueId(recovered.LastQueueId);
        foreach (RecoveredVirtualHost host in recovered.VirtualHosts.Values)
        {
            _virtualHosts.GetOrAdd(host.Name, static (name, services) => new VirtualHost(name, services), _services)
                .Restore(host, recovered, _store.Journal.Recovery.WasCleanStop);
        }
    }

    private async Task RunAsync()
    {
        using PeriodicTimer timer = new(LookInterval, _services.Clock.TimeProvider);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                await KeepShortAsync(_stopping.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The broker stops.
        }
    }

    /// <summary>Moves what lives long out of a journal that has grown too long, and writes a checkpoint when replay would take long.</summary>
    /// <param name="cancellationToken">Stops the waiting for the disk.</param>
    internal async ValueTask KeepShortAsync(CancellationToken cancellationToken)
    {
        if (_store.Journal.State is not (JournalState.Open or JournalState.LowSpace))
        {
            return;
        }

        long surplus = Hot.TailAddress - Hot.BeginAddress - _options.JournalBytes;
        if (surplus > 0)
        {
            // A quarter more than need be, so that it is not done again at once.
            ulong below = new StoredId(Hot.BeginAddress + surplus + (_options.JournalBytes / CheckpointShare), 0).Value;
            await Task.Run(() => TryEvacuate(below), cancellationToken).ConfigureAwait(false);
            await TryCheckpointAsync(cancellationToken).ConfigureAwait(false);
        }
        else if (Hot.TailAddress - _store.Journal.Checkpoint.Address > _options.JournalBytes / CheckpointShare)
        {
            await TryCheckpointAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void TryEvacuate(ulong below)
    {
        try
        {
            foreach (VirtualHost host in _virtualHosts.Values)
            {
                host.Evacuate(_blockWriter, below);
            }
        }
        catch (JournalException error)
        {
            BrokerLog.EvacuationFailed(_services.Logger, error); // the messages stay where they are, and the journal stays as long
        }
    }

    private async ValueTask TryCheckpointAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _checkpointer.RunAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (JournalException error)
        {
            BrokerLog.CheckpointFailed(_services.Logger, error); // the records behind the last one say the same, and take longer to read
        }
    }
}
