using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Recovery;
using EmbeddedMq.VirtualHosts;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Hosting;

/// <summary>Joins a broker with its store: opens it, brings back what was there, keeps it short, and closes it.</summary>
/// <remarks>Its loop is the only one that writes checkpoints while the broker runs.</remarks>
internal sealed partial class StorageKeeper : IAsyncDisposable
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    // From here on FASTER takes the less memory, and answers as fast: 1,000,000 receipts took 86 MB in either, 5,000,000 took 151 MB in FASTER, and
    // 10,000,000 took 1.3 GB in a table. What FASTER has on disk it finds as fast as the disk reads, and that is asked only for late duplicates.
    private const long MostInMemory = 1_000_000;

    private readonly MessageStore _store;
    private readonly ConcurrentDictionary<string, VirtualHost> _virtualHosts;
    private readonly StorageOptions _options;
    private readonly BrokerServices _services;
    private readonly Checkpointer _checkpointer;
    private readonly CancellationTokenSource _stopping = new();
    private readonly string _brokerName;
    private readonly SemaphoreSlim _oneAtATime = new(1, 1); // checkpoints and evacuation
    private Task _loop = Task.CompletedTask;
    private long _lastCheckpointUtcMs;
    private long _checkpointsTotal;

    /// <summary>Makes it for a broker that has not begun.</summary>
    /// <param name="store">The store.</param>
    /// <param name="virtualHosts">The broker's virtual hosts.</param>
    /// <param name="options">How it stores.</param>
    /// <param name="services">What the broker's parts share.</param>
    /// <param name="brokerName">The broker's name, for the log.</param>
    internal StorageKeeper(
        MessageStore store, ConcurrentDictionary<string, VirtualHost> virtualHosts, StorageOptions options, BrokerServices services, string brokerName)
    {
        _brokerName = brokerName;
        _store = store;
        _virtualHosts = virtualHosts;
        _options = options;
        _services = services;
        _blockWriter = new BlockWriter(services);
        _compactor = new BlockCompactor(store);
        _checkpointer = new Checkpointer(store, () => virtualHosts.Values.SelectMany(static host => host.DescribeStored()));
    }

    private IAppendLog Hot => _store.Journal.Hot;

    /// <summary>What the storage looks like at present.</summary>
    internal StorageDescription Describe()
    {
        IJournal journal = _store.Journal;
        IReadOnlyList<SegmentInfo> hot = journal.Hot.Segments;
        IReadOnlyList<SegmentInfo> cold = journal.Cold.Segments;
        long coldBytes = cold.Sum(static segment => segment.End - segment.Begin);
        long checkpointUtcMs = Volatile.Read(ref _lastCheckpointUtcMs);
        return new StorageDescription(Path.GetFullPath(_options.Directory!), journal.State switch
        {
            JournalState.Open => StorageState.Open,
            JournalState.LowSpace => StorageState.LowSpace,
            JournalState.Failed => StorageState.Failed,
            _ => StorageState.Closed,
        })
        {
            Reason = journal.State == JournalState.Open ? null : journal.Failure?.Message,
            Durability = _store.Durability,
            JournalBytes = journal.Hot.TailAddress - journal.Hot.BeginAddress,
            JournalSegments = hot.Count,
            JournalMessages = _store.Claims.Total,
            BacklogBytes = coldBytes,
            BacklogSegments = cold.Count,
            BacklogLiveShare = coldBytes == 0 ? 1 : Math.Clamp((double)_store.Blocks.LiveBytes / coldBytes, 0, 1),
            UncommittedBytes = journal.Hot.UncommittedBytes,
            IsJournalTooLong = _store.Limit.IsExceeded,
            LastCheckpoint = checkpointUtcMs == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(checkpointUtcMs),
            CheckpointsTotal = Volatile.Read(ref _checkpointsTotal),
            EvacuatedTotal = _blockWriter.MovedTotal,
            CompactedTotal = _compactor.MovedTotal,
            LastCommitDuration = _store.LastCommitDuration,
        };
    }

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
            MakesSpares = true,
            Salvage = options.Salvage,
        };
        return options.OpenJournal is { } open
            ? await open(journal, timeProvider, cancellationToken).ConfigureAwait(false)
            : await FasterJournal.OpenAsync(journal, new OsFiles(), timeProvider).ConfigureAwait(false);
    }

    /// <summary>Makes what finds receipts: where they may be many, FASTER, in bounded memory; where they are few, or the store is no directory of this machine, a
    /// table in memory.</summary>
    /// <param name="options">Where the store is.</param>
    /// <param name="retention">How many there are at most.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="logger">The broker's log.</param>
    /// <remarks>FASTER's key-value store needs code that is made at run time, which native AOT has not: there the table is in memory however many they are. The
    /// condition is alone and first, because the native compiler leaves out what stands behind it.</remarks>
    internal static IReceiptIndex MakeIndex(StorageOptions options, ReceiptRetention retention, TimeProvider timeProvider, ILogger logger)
    {
        if (RuntimeFeature.IsDynamicCodeSupported)
        {
            if (options.Directory is not null && options.OpenJournal is null && retention.Count >= MostInMemory)
            {
                string directory = Path.Combine(Path.GetFullPath(options.Directory), FasterReceiptIndex.DirectoryName);
                return new DeferredReceiptIndex(() =>
                {
                    try
                    {
                        return new FasterReceiptIndex(directory, retention.Count, retention.Time, timeProvider, OsFiles.Instance);
                    }
                    catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                    {
                        // What is to be known of is safe in the journal already, and must be found.
                        BrokerLog.ReceiptsInMemory(logger, directory, error);
                        return new MemoryReceiptIndex(retention.Count, retention.Time, timeProvider);
                    }
                });
            }
        }

        return new MemoryReceiptIndex(retention.Count, retention.Time, timeProvider);
    }

    /// <summary>Brings back what was there when the broker stopped, and begins to keep the store short.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    internal async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        await Task.Run(Restore, cancellationToken).ConfigureAwait(false);
        await CheckpointAsync(cancellationToken).ConfigureAwait(false);
        RaiseLimit();
        _store.Journal.StateChanged += OnStateChanged;
        if (_store.Journal.State == JournalState.Failed)
        {
            OnStateChanged(JournalState.Failed, _store.Journal.Failure);
        }

        _loop = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>Ends the loop and closes the store; all that was appended is synced.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _store.Journal.StateChanged -= OnStateChanged;
        await Volatile.Read(ref _mending).ConfigureAwait(false);
        if (_store.Journal.State != JournalState.Failed)
        {
            await TryCheckpointAsync(CancellationToken.None).ConfigureAwait(false);
        }

        await _store.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
        _oneAtATime.Dispose();
    }

    private void Restore()
    {
        JournalRecovery recovery = _store.Journal.Recovery;
        foreach (DamagedRegion region in recovery.Damage)
        {
            BrokerLog.StorageDamage(_services.Logger, region.ToString());
        }

        StoreReplay replay = new(_store.Journal, _store.Receipts, _options.Salvage);
        RecoveredStore recovered = replay.Run();
        foreach (string dropped in replay.Dropped)
        {
            BrokerLog.StorageDamage(_services.Logger, dropped);
        }

        _store.RestoreLastQueueId(recovered.LastQueueId);
        foreach (RecoveredVirtualHost host in recovered.VirtualHosts.Values)
        {
            _virtualHosts.GetOrAdd(host.Name, static (name, services) => new VirtualHost(name, services), _services)
                .Restore(host, recovered, recovery.WasCleanStop || recovery.IsNew);
        }

        if (recovery.Damage.Count > 0)
        {
            // What is damaged lets nobody open the store but who salvages. All that lies beside it moves, and the first checkpoint releases it.
            Evacuate(ulong.MaxValue, CancellationToken.None);
        }

        foreach (VirtualHost host in _virtualHosts.Values)
        {
            host.EndRestore();
        }

        (int queues, long messages) = (0, 0);
        foreach (QueueDescription queue in _virtualHosts.Values.SelectMany(static host => host.Queues).Select(static queue => queue.Describe()))
        {
            queues++;
            messages += queue.ReadyCount;
        }

        BrokerLog.StorageOpened(
            _services.Logger,
            _brokerName,
            Path.GetFullPath(_options.Directory!),
            _store.Durability,
            queues,
            messages,
            recovery.IsNew ? "none, the store is new" : recovery.WasCleanStop ? "clean" : "sudden");
    }

    // Looks once a second, and at once when publishers begin to wait for it.
    private async Task RunAsync()
    {
        using PeriodicTimer timer = new(LookInterval, _services.Clock.TimeProvider);
        try
        {
            Task<bool> tick = timer.WaitForNextTickAsync(_stopping.Token).AsTask();
            bool canShorten = true;
            while (true)
            {
                // Where it could not be shortened they still wait: to look at once would be to look for ever.
                await Task.WhenAny(tick, canShorten ? _store.Limit.Exceeded : tick).ConfigureAwait(false);
                if (tick.IsCompleted)
                {
                    await tick.ConfigureAwait(false);
                    tick = timer.WaitForNextTickAsync(_stopping.Token).AsTask();
                    _store.RequestWrite();
                }

                canShorten = await TryKeepShortAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The broker stops.
        }
    }

    private async ValueTask<bool> TryKeepShortAsync()
    {
        try
        {
            return await KeepShortAsync(_stopping.Token).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // nothing may end the loop: the journal would grow for ever
        catch (Exception error) when (error is not OperationCanceledException)
#pragma warning restore CA1031
        {
            BrokerLog.TaskFailed(_services.Logger, error);
            return false;
        }
    }

    private async ValueTask TryCheckpointAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CheckpointAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (JournalException error)
        {
            BrokerLog.CheckpointFailed(_services.Logger, error); // the records behind the last one say the same, and take longer to read
        }
    }

    private async ValueTask CheckpointAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // While the store is mended it would release what was left by records that went with the disk. Who mends writes one at the end.
            if (!_store.IsMending)
            {
                await CheckpointInTurnAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private async ValueTask CheckpointInTurnAsync(CancellationToken cancellationToken)
    {
        if (_store.HasLostBlocks)
        {
            throw MqErrors.BlocksLost(_options.Directory!);
        }

        await _checkpointer.RunAsync(cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _lastCheckpointUtcMs, _services.Clock.UtcNow.ToUnixTimeMilliseconds());
        Interlocked.Increment(ref _checkpointsTotal);
    }
}
