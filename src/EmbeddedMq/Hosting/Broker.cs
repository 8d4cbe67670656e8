using System.Collections.Concurrent;
using EmbeddedMq.Connections;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.Hosting;
using EmbeddedMq.Idempotence;
using EmbeddedMq.Journal;
using EmbeddedMq.Outbox;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Threading;
using EmbeddedMq.VirtualHosts;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq;

/// <summary>The embedded broker: the AMQP 0-9-1 model as objects in this process.</summary>
/// <remarks>Thread-safe. Start it with <see cref="StartAsync"/>; disposing it closes every connection and stops its timers.</remarks>
public sealed class Broker : IBroker, IBrokerStores
{
    // Where the process's memory is not limited otherwise; the share is RabbitMQ's vm_memory_high_watermark.
    private const double DefaultMemoryShare = 0.4;

    private readonly BrokerServices _services;
    private readonly SerialExecutor _memoryChanges;
    private readonly ConnectionRegistry _connections;
    private readonly BrokerManagement _management;
    private readonly ConcurrentDictionary<string, VirtualHost> _virtualHosts = new(StringComparer.Ordinal);
    private readonly BacklogPager? _backlog;
    private readonly BacklogThread? _backlogThread;
    private readonly StorageKeeper? _storage; // null: nothing is stored
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isStopped;

    private Broker(BrokerOptions options, IJournal journal)
    {
        Name = options.Name;
        ILogger logger = GuardedLogger.From(options.LoggerFactory, "EmbeddedMq.Broker");

        _memoryChanges = new SerialExecutor(error => BrokerLog.TaskFailed(logger, error));
        _connections = new ConnectionRegistry(options.Name, error => BrokerLog.TaskFailed(logger, error));
        long highBytes = options.MemoryHighWatermarkBytes ?? (long)(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * DefaultMemoryShare);
        long budgetBytes = Math.Max(1, Math.Min(options.BacklogMemoryBytes, highBytes / 2));
        MemoryLedger memory = new(highBytes, OnBlockedChanged, Math.Max(1, budgetBytes / 4), () => _backlog?.NotePressure());
        TimeProvider time = ForeignClock.Of(options.TimeProvider);
        Scheduler scheduler = new(new BrokerClock(time), error => BrokerLog.TaskFailed(logger, error));
        int seed = options.RandomSeed ?? System.Security.Cryptography.RandomNumberGenerator.GetInt32(int.MaxValue);
        ReceiptRetention retention = new(options.Storage.IdempotenceRetention, options.Storage.IdempotenceEntries);
        MessageStore store = new(journal, options.Storage.Durability, time, logger, retention, StorageKeeper.MakeIndex(options.Storage, retention, time, logger))
        {
            RoomAgain = () => _memoryChanges.Post(LetPublishersGoOn),
        };
        store.Limit.Changed = OnJournalLimitChanged;
        if ((options.BacklogStore ?? (journal.IsDurable ? new StoredBacklog(store, scheduler.Clock) : null)) is { } backlogStore)
        {
            _backlog = new BacklogPager(backlogStore, options.BacklogSettings with { BudgetBytes = budgetBytes }, memory, scheduler, logger);
            if (options.BacklogStarted is { } started)
            {
                started(_backlog);
            }
            else
            {
                _backlogThread = new BacklogThread(_backlog, error => BrokerLog.TaskFailed(logger, error));
            }
        }

        _services = new BrokerServices(options.Limits, scheduler, memory, new NameGenerator(seed), store, logger, _backlog);
        VirtualHost home = _virtualHosts[ConnectionOptions.DefaultVirtualHost] = new VirtualHost(ConnectionOptions.DefaultVirtualHost, _services);
        _management = new BrokerManagement(_virtualHosts, _connections, _services);
        if (options.Limits.AcknowledgementTimeout is { } timeout)
        {
            AcknowledgementWatch.Begin(_connections, scheduler, timeout);
        }

        if (journal.IsDurable)
        {
            EmbeddedOutboxStore outbox = new(_management.OpenInternalHost, options.TimeProvider);
            (Outbox, Idempotence) = (outbox, new EmbeddedIdempotenceStore(home, outbox));
        }
        else
        {
            Outbox = new MemoryOutboxStore(options.TimeProvider);
            Idempotence = new MemoryIdempotenceStore(new MemoryIdempotenceOptions { TimeProvider = options.TimeProvider });
        }

        if (journal.IsDurable)
        {
            _storage = new StorageKeeper(store, _virtualHosts, options.Storage, _services, Name);
        }
        else
        {
            BrokerLog.MemoryOnly(logger, Name, highBytes);
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IBrokerManagement Management => _management;

    /// <inheritdoc/>
    public IIdempotenceStore Idempotence { get; }

    /// <inheritdoc/>
    public IOutboxStore Outbox { get; }

    /// <summary>Bytes of messages in memory, as <see cref="BrokerOptions.MemoryHighWatermarkBytes"/> counts them.</summary>
    public long MemoryBytes => _services.Memory.Bytes;

    /// <summary>Whether publishers wait because messages take more memory than <see cref="BrokerOptions.MemoryHighWatermarkBytes"/>.</summary>
    public bool IsBlocked => _services.Memory.IsBlocked;

    /// <summary>What the storage looks like at present; <see langword="null"/> when the broker keeps everything in memory.</summary>
    public StorageDescription? Storage => _storage?.Describe();

    /// <summary>Starts a broker with the virtual host <c>/</c>.</summary>
    /// <param name="options">Its options; <see langword="null"/> means the defaults.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    /// <returns>The broker; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">An option is out of its range; the text lists all that are.</exception>
    /// <exception cref="JournalException">The data directory is in use, damaged, or cannot be opened; nothing in it has been changed.</exception>
    public static ValueTask<Broker> StartAsync(BrokerOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new BrokerOptions();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<Broker>(cancellationToken);
        }

        IReadOnlyList<string> faults = BrokerOptionsCheck.FindFaults(options);
        return faults.Count > 0 ? throw new ArgumentException($"The broker's options are not valid: {string.Join(" ", faults)}", nameof(options))
            : options.Storage.Directory is null ? new ValueTask<Broker>(new Broker(options, new MemoryJournal()))
            : StartStoredAsync(options, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<IConnection> ConnectAsync(ConnectionOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ConnectionOptions();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<IConnection>(cancellationToken);
        }

        if (Volatile.Read(ref _isStopped) != 0)
        {
            return ValueTask.FromException<IConnection>(MqErrors.BrokerStopped(Name));
        }

        if (options.VirtualHost == BrokerManagement.InternalHost || !_virtualHosts.TryGetValue(options.VirtualHost, out VirtualHost? virtualHost))
        {
            return ValueTask.FromException<IConnection>(MqErrors.VirtualHostNotFound(options.VirtualHost));
        }

        try
        {
            return new ValueTask<IConnection>(Connect(options, virtualHost));
        }
        catch (ConnectionException error)
        {
            return ValueTask.FromException<IConnection>(error);
        }
    }

    /// <summary>Does at once what the store's loop would do at its next look; for tests.</summary>
    internal ValueTask<bool> KeepStoreShortAsync() => _storage?.KeepShortAsync(CancellationToken.None) ?? new ValueTask<bool>(true);

    /// <summary>What is stored; for tests.</summary>
    internal MessageStore Store => _services.Store;

    /// <summary>The journal; for tests.</summary>
    internal IJournal Journal => _services.Store.Journal;

    /// <summary>Stops the broker: every connection closes, what is unsettled goes back to its queue, everything stored is synced, what remains is
    /// counted in the log. A second call completes with the first.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isStopped, 1) != 0)
        {
            await _stopped.Task.ConfigureAwait(false);
            return;
        }

        try
        {
            await StopAsync().ConfigureAwait(false);
        }
        finally
        {
            _stopped.SetResult();
        }
    }

    private async ValueTask StopAsync()
    {
        _connections.Shutdown();
        _services.Room.Close(() => MqErrors.BrokerStopped(Name));
        _services.Scheduler.Dispose();
        if (_backlogThread is not null)
        {
            await _backlogThread.DisposeAsync().ConfigureAwait(false);
        }

        (Outbox as EmbeddedOutboxStore)?.Stop(MqErrors.BrokerStopped(Name));
        LogWhatRemains();
        if (_storage is not null)
        {
            await _storage.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async ValueTask<Broker> StartStoredAsync(BrokerOptions options, CancellationToken cancellationToken)
    {
        IJournal journal = await StorageKeeper.OpenAsync(options.Storage, ForeignClock.Of(options.TimeProvider), cancellationToken).ConfigureAwait(false);
        Broker? broker = null;
        try
        {
            broker = new Broker(options, journal);
            await broker._storage!.StartAsync(cancellationToken).ConfigureAwait(false);
            return broker;
        }
        catch
        {
            if (broker is not null)
            {
                await broker.AbandonAsync().ConfigureAwait(false);
            }

            await journal.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    // Ends a start that has failed: nobody has used the broker, and what it found is as it was.
    private async ValueTask AbandonAsync()
    {
        _services.Scheduler.Dispose();
        if (_backlogThread is not null)
        {
            await _backlogThread.DisposeAsync().ConfigureAwait(false);
        }

        await _services.Store.AbandonAsync().ConfigureAwait(false);
    }

    private Connection Connect(ConnectionOptions options, VirtualHost virtualHost)
    {
        Connection connection = _connections.Open(options, virtualHost);

        // A virtual host that was deleted meanwhile has closed its connections already, and would leave this one with nothing but itself.
        if (!_virtualHosts.TryGetValue(virtualHost.Name, out VirtualHost? current) || !ReferenceEquals(current, virtualHost))
        {
            ConnectionException error = MqErrors.VirtualHostNotFound(virtualHost.Name);
            connection.CloseBecause(error);
            throw error;
        }

        return connection;
    }

    private void LogWhatRemains()
    {
        (string VirtualHost, QueueDescription Queue)[] queues =
            [.. _virtualHosts.SelectMany(static host => host.Value.Queues.Select(queue => (VirtualHost: host.Key, Queue: queue.Describe())))];
        long ready = queues.Sum(static entry => entry.Queue.ReadyCount);
        long unacked = queues.Sum(static entry => entry.Queue.UnackedCount);
        long delayed = _virtualHosts.Values.Sum(static host => host.DelayedCount);
        if (ready + unacked + delayed == 0)
        {
            BrokerLog.StoppedEmpty(_services.Logger, Name);
        }
        else
        {
            string perQueue = string.Join("; ", queues
                .Where(static entry => entry.Queue.ReadyCount + entry.Queue.UnackedCount > 0)
                .Select(static entry => $"{entry.Queue.Name} in virtual host {entry.VirtualHost}: {entry.Queue.ReadyCount + entry.Queue.UnackedCount}"));
            if (_storage is null)
            {
                BrokerLog.StoppedWithMessages(_services.Logger, Name, ready, unacked, delayed, perQueue);
            }
            else
            {
                BrokerLog.StoppedWithStored(_services.Logger, Name, ready, unacked, delayed, perQueue);
            }
        }
    }

    private void LetPublishersGoOn()
    {
        _connections.Unblock();
        _services.Room.Release();
    }

    // Called under the ledger's gate, in order of the changes.
    private void OnBlockedChanged(bool isBlocked) => _memoryChanges.Post(() =>
    {
        if (isBlocked)
        {
            BrokerLog.PublishersBlocked(_services.Logger, Name, MemoryBytes, _services.Memory.HighBytes);
        }
        else
        {
            BrokerLog.PublishersUnblocked(_services.Logger, Name, MemoryBytes);
            LetPublishersGoOn();
        }
    });

    // Called under a channel's publish gate.
    private void OnJournalLimitChanged(bool isExceeded) => _memoryChanges.Post(() =>
    {
        IAppendLog journal = Journal.Hot;
        if (isExceeded)
        {
            BrokerLog.JournalTooLong(_services.Logger, Name, journal.TailAddress - journal.BeginAddress);
        }
        else
        {
            BrokerLog.JournalShortAgain(_services.Logger, Name, journal.TailAddress - journal.BeginAddress);
            LetPublishersGoOn();
        }
    });
}
