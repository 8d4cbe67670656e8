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
    private static readonly TimeSpan FirstRetryDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestRetryDelay = TimeSpan.FromSeconds(10);

    private readonly MessageStore _store;
    private readonly ConcurrentDictionary<string, VirtualHost> _virtualHosts;
    private readonly StorageOptions _options;
    private readonly BrokerServices _services;
    private readonly Checkpointer _checkpointer;
    private readonly CancellationTokenSource _stopping = new();
    private readonly BlockWriter _blockWriter;
    private readonly BlockCompactor _compactor;
    private readonly string _brokerName;
    private readonly SemaphoreSlim _oneAtATime = new(1, 1); // checkpoints and evacuation
    private Task _loop = Task.CompletedTask;
    private Task _mending = Task.CompletedTask; // written on the journal's thread, of which there is one
    private int _isMending;
    private long _lastCheckpointUtcMs;

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
            LastCheckpoint = checkpointUtcMs == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(checkpointUtcMs),
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
        await CheckpointAsync(cancellationToken).ConfigureAwait(false);
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

        RecoveredStore recovered = new StoreReplay(_store.Journal).Run();
        _store.RestoreLastQueueId(recovered.LastQueueId);
        foreach (RecoveredVirtualHost host in recovered.VirtualHosts.Values)
        {
            _virtualHosts.GetOrAdd(host.Name, static (name, services) => new VirtualHost(name, services), _services)
                .Restore(host, recovered, recovery.WasCleanStop || recovery.IsNew);
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
            _services.Logger, _brokerName, _options.Directory!, _store.Durability, queues, messages, recovery.IsNew ? "none" : recovery.WasCleanStop ? "clean" : "sudden");
    }

    private async Task RunAsync()
    {
        using PeriodicTimer timer = new(LookInterval, _services.Clock.TimeProvider);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                _store.RequestWrite();
                await TryKeepShortAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The broker stops.
        }
    }

    private async ValueTask TryKeepShortAsync()
    {
        try
        {
            await KeepShortAsync(_stopping.Token).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // nothing may end the loop: the journal would grow for ever
        catch (Exception error) when (error is not OperationCanceledException)
#pragma warning restore CA1031
        {
            BrokerLog.TaskFailed(_services.Logger, error);
        }
    }

    /// <summary>Moves what lives long out of a journal that has grown too long, writes a checkpoint when replay would take long, and gathers what is left in
    /// the cold log when little of that is alive.</summary>
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
            await TryEvacuateAsync(below, cancellationToken).ConfigureAwait(false);
            await TryCheckpointAsync(cancellationToken).ConfigureAwait(false);
        }
        else if (Hot.TailAddress - _store.Journal.Checkpoint.Address > _options.JournalBytes / CheckpointShare)
        {
            await TryCheckpointAsync(cancellationToken).ConfigureAwait(false);
        }

        if (await TryCompactAsync(cancellationToken).ConfigureAwait(false))
        {
            await TryCheckpointAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<bool> TryCompactAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => _compactor.RunAsync(cancellationToken).AsTask(), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            BrokerLog.CompactionFailed(_services.Logger, error); // the messages stay where they are, and the log as long as it is
            return false;
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    // Never beside a checkpoint: a block that is being written has no claim on its segment yet, which a checkpoint would take for one that holds nothing.
    private async ValueTask TryEvacuateAsync(ulong below, CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await Task.Run(() => Evacuate(below, cancellationToken), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // Whatever it is, the loop must go on: without it nothing is ever released.
            BrokerLog.EvacuationFailed(_services.Logger, error); // the messages stay where they are, and the journal stays as long
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private void Evacuate(ulong below, CancellationToken cancellationToken)
    {
        foreach (VirtualHost host in _virtualHosts.Values)
        {
            host.Evacuate(_blockWriter, below, cancellationToken);
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
            await _checkpointer.RunAsync(cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _lastCheckpointUtcMs, _services.Clock.UtcNow.ToUnixTimeMilliseconds());
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private void OnStateChanged(JournalState state, JournalException? reason)
    {
        switch (state)
        {
            case JournalState.Failed:
                _store.BeginMending();
                if (Interlocked.Exchange(ref _isMending, 1) == 0)
                {
                    Volatile.Write(ref _mending, Task.Run(() => MendAsync(reason)));
                }

                break;
            case JournalState.LowSpace:
                BrokerLog.StorageLowSpace(_services.Logger, reason);
                break;
            case JournalState.Open:
                if (Volatile.Read(ref _isMending) == 0)
                {
                    BrokerLog.StorageBack(_services.Logger);
                    _store.RoomAgain();
                }

                break;
        }
    }

    // Until it works, and again as often as it fails meanwhile.
    private async Task MendAsync(JournalException? reason)
    {
        TimeSpan delay = FirstRetryDelay;
        while (!_stopping.IsCancellationRequested)
        {
            BrokerLog.StorageFailed(_services.Logger, reason, delay);
            try
            {
                await Task.Delay(delay, _services.Clock.TimeProvider, _stopping.Token).ConfigureAwait(false);
                await MendOnceAsync().ConfigureAwait(false);
                Volatile.Write(ref _isMending, 0);
                if (_store.Journal.State != JournalState.Failed || Interlocked.Exchange(ref _isMending, 1) != 0)
                {
                    return;
                }

                (reason, delay) = (_store.Journal.Failure, FirstRetryDelay);
            }
            catch (JournalException error)
            {
                reason = error;
                delay = Longer(delay);
            }
            catch (OperationCanceledException)
            {
                return;
            }
#pragma warning disable CA1031 // nothing may end this: nobody else brings the store back
            catch (Exception error)
#pragma warning restore CA1031
            {
                BrokerLog.TaskFailed(_services.Logger, error);
                delay = Longer(delay);
            }
        }
    }

    private static TimeSpan Longer(TimeSpan delay) => TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, LongestRetryDelay.Ticks));

    // What consumers hold, and what queues have in memory, stays as it is. What went with the disk was never confirmed, but for what left one place
    // and arrived in another by a record that went: it is stored again before anything says that it has left, and before a checkpoint forgets where
    // it was.
    private async Task MendOnceAsync()
    {
        await _oneAtATime.WaitAsync(_stopping.Token).ConfigureAwait(false);
        try
        {
            _store.BeginMending();
            if (_store.Journal.State == JournalState.Failed)
            {
                await _store.Journal.ReopenAsync(_stopping.Token).ConfigureAwait(false);
                _store.NoteLost();
            }

            foreach (bool _ in _virtualHosts.Values.SelectMany(static host => host.StoreAgain()))
            {
                await Hot.WaitForRoomAsync(CancellationToken.None).ConfigureAwait(false);
            }

            _store.WriteNotesAgain();
            await _checkpointer.RunAsync(CancellationToken.None).ConfigureAwait(false); // names that changed since the last one may have gone too
            _store.EndMending();
        }
        finally
        {
            _oneAtATime.Release();
        }

        BrokerLog.StorageBack(_services.Logger);
        _store.RoomAgain();
    }
}
