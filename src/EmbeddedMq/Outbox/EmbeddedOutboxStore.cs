using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Outbox;

/// <summary>An outbox in the data directory of an embedded broker: its entries are persistent messages of internal queues.</summary>
/// <remarks>
/// <para>What is pending waits in the first queue, most of it on disk. The oldest of it are taken out, unacknowledged, into a window in memory
/// (<see cref="MemoryOutboxStore"/>), which knows all about due times, leases and order keys. What has failed, for once or for good, is moved to the
/// second queue with what is to be known of it, by one commit; all of that is in the window. Confirming acknowledges, and leaves a receipt.</para>
/// <para>After a crash everything that was not confirmed is there. What was in hand is due at once. Attempts are noted, but nobody waits for the
/// note; a delay without an error is forgotten.</para>
/// <para>The window takes no more than <see cref="MostInMemory"/> messages, and half of the memory that ready messages may take. When it is full, what waits behind
/// a failed message of its order key leaves it and goes to a queue of its key, so that no key stops the others. Failed messages count for neither, and
/// nothing bounds them: they stay in memory with their bodies until they are retried or discarded.</para>
/// <para>An id may be there twice, added again after its receipt was forgotten: the second message comes into the window when the first has left.</para>
/// <para>Thread-safe.</para>
/// </remarks>
/// <param name="openHost">Gives the virtual host of the queues, which nobody else sees; called once, at the first use.</param>
/// <param name="time">The clock.</param>
internal sealed partial class EmbeddedOutboxStore(Func<VirtualHost> openHost, TimeProvider time) : IOutboxStore
{
    /// <summary>So many may be taken at once; a relay asks for a few hundred.</summary>
    internal const int Window = 4_096;

    /// <summary>The default of <see cref="MostInMemory"/>.</summary>
    internal const int MostLoaded = 16_384;

    // Whatever the broker's budget of memory is.
    private const long LeastOpenBytes = 1 << 20;

    // No scope of an application is empty.
    private const string Scope = "";

    // Beside the numbers of OutboxStatus: the id is free again.
    private const byte Discarded = 255;

    private readonly MemoryOutboxStore _window = new(time);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, QueueEntry> _places = new(StringComparer.Ordinal); // of what is in the window; guarded by _gate
    private readonly Dictionary<string, Queue<QueueEntry>> _twins = new(StringComparer.Ordinal); // behind another of their id in the window; guarded by _gate
    private readonly HashSet<string> _busy = new(StringComparer.Ordinal);                  // ids that are being added, retried or discarded; guarded by _gate
    private int _loadedCount;                                                              // of places and twins those in _pending; guarded by _gate
    private Task? _opening;                                                                // guarded by _gate
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously); // faulted: the broker has stopped
    private VirtualHost _host = null!;                                                     // from here on: once opened
    private Queue _pending = null!;
    private Queue _aside = null!;
    private long _mostOpenBytes;

    /// <summary>So many are in memory at most, beside those that have failed. Tests set it before the first use.</summary>
    internal int MostInMemory { get; set; } = MostLoaded;

    /// <summary>Whether somebody takes messages to send them. Until then nobody should rely on it.</summary>
    internal bool IsRelayed { get; private set; }

    /// <summary>Fails those who wait for what is on disk, now and later: the broker has stopped, and nobody reads it for them.</summary>
    /// <param name="error">What they are told.</param>
    internal void Stop(Exception error)
    {
        _stopped.TrySetException(error);
        _ = _stopped.Task.Exception; // there may be nobody
    }

    /// <inheritdoc/>
    public ValueTask AddAsync(IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        cancellationToken.ThrowIfCancellationRequested();
        return messages.Count == 0 ? ValueTask.CompletedTask : new ValueTask(AddAsync(messages, [], cancellationToken).WaitAsync(cancellationToken));
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<OutboxEntry>> TakeAsync(int max, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        IsRelayed = true;
        await LoadAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<OutboxEntry> taken = await _window.TakeAsync(max, lease, cancellationToken).ConfigureAwait(false);
        foreach (OutboxEntry entry in taken)
        {
            NoteAttempts(entry.Message.Id, entry.Attempts);
        }

        return taken;
    }

    /// <inheritdoc/>
    public ValueTask ConfirmAsync(IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entries);
        cancellationToken.ThrowIfCancellationRequested();
        OutboxEntry[] held = [.. entries.Where(_window.TryHold)];
        return held.Length == 0 ? ValueTask.CompletedTask : new ValueTask(ConfirmHeldAsync(held).WaitAsync(cancellationToken));
    }

    /// <inheritdoc/>
    public async ValueTask PostponeAsync(OutboxEntry entry, string? error, TimeSpan delay, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        cancellationToken.ThrowIfCancellationRequested();
        if (error is null)
        {
            if (_window.TryHold(entry))
            {
                NoteAttempts(entry.Message.Id, entry.Attempts - 1);
                _window.Release(entry, isAnswered: true);
                await _window.PostponeAsync(entry, null, delay, CancellationToken.None).ConfigureAwait(false);
                LoadMore();
            }

            return;
        }

        error = OutboxEnvelope.Shorten(error);
        DateTimeOffset now = time.GetUtcNow();
        OutboxEntry changed = entry with { Status = OutboxStatus.Pending, LastError = error, ChangedAt = now, DueAt = now + delay };
        await AnswerAsync(entry, changed, () => _window.PostponeAsync(entry, error, delay, CancellationToken.None)).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask FailAsync(OutboxEntry entry, string error, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(error);
        cancellationToken.ThrowIfCancellationRequested();
        string kept = OutboxEnvelope.Shorten(error)!;
        OutboxEntry changed = entry with { Status = OutboxStatus.Failed, LastError = kept, ChangedAt = time.GetUtcNow() };
        return new ValueTask(AnswerAsync(entry, changed, () => _window.FailAsync(entry, kept, CancellationToken.None)).WaitAsync(cancellationToken));
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RetryAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        return await ChangeFailedAsync(id, async (entry, place) =>
        {
            DateTimeOffset now = time.GetUtcNow();
            await MoveAsideAsync(entry with { Status = OutboxStatus.Pending, Attempts = 0, ChangedAt = now, DueAt = now }, place).ConfigureAwait(false);
            await _window.RetryAsync(id, CancellationToken.None).ConfigureAwait(false);
        }).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DiscardAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        return await ChangeFailedAsync(id, async (entry, place) =>
        {
            await CommitAsync([], [place], [ReceiptOf(id, Discarded)]).ConfigureAwait(false);
            await _window.DiscardAsync(id, CancellationToken.None).ConfigureAwait(false);
            Forget(entry.Message);
            LoadMore();
        }).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<OutboxEntry?> FindAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        await LoadAsync(cancellationToken).ConfigureAwait(false);
        if (await _window.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } entry)
        {
            return entry;
        }

        if (!TryFindReceipt(id, out Receipt receipt))
        {
            return null;
        }

        // It was confirmed some time ago, or is far behind in the queue: of its message no more is known than its id.
        DateTimeOffset at = DateTimeOffset.FromUnixTimeMilliseconds(receipt.AtUtcMs);
        return new OutboxEntry
        {
            Message = new OutboxMessage { Id = id, Exchange = "", RoutingKey = "", Message = new Message(ReadOnlySpan<byte>.Empty, new MessageProperties { MessageId = id }) },
            Status = (OutboxStatus)receipt.State,
            StoredAt = at,
            ChangedAt = at,
        };
    }

    /// <inheritdoc/>
    /// <remarks>Of pending ones those that are in the window: the oldest <see cref="Window"/> or more.</remarks>
    public async IAsyncEnumerable<OutboxEntry> ListAsync(
        OutboxStatus status, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await LoadAsync(cancellationToken).ConfigureAwait(false);
        await foreach (OutboxEntry entry in _window.ListAsync(status, cancellationToken).ConfigureAwait(false))
        {
            yield return entry;
        }
    }

    /// <inheritdoc/>
    /// <remarks>The oldest is in the window, or at the beginning of a line.</remarks>
    public async ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken = default)
    {
        await LoadAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            OutboxCounts loaded = _window.Count();
            WaitingLine[] lines = [.. _lines.Values.Where(static line => line.Count > 0)];
            return loaded with
            {
                Pending = loaded.Pending + _twins.Values.Sum(static twins => twins.Count) + _pending.Describe().ReadyCount + lines.Sum(static line => line.Count),
                OldestAt = lines.Select(static line => line.OldestAt).Append(loaded.OldestAt).Min(),
            };
        }
    }

    /// <inheritdoc/>
    public async ValueTask WaitAsync(TimeSpan limit, CancellationToken cancellationToken = default)
    {
        IsRelayed = true;
        DateTimeOffset end = time.GetUtcNow() + limit;
        await LoadAsync(cancellationToken).ConfigureAwait(false);
        TimeSpan rest = end - time.GetUtcNow();
        await _window.WaitAsync(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Stores messages, and with them, by the same record, receipts of somebody else.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="receipts">The receipts.</param>
    /// <param name="cancellationToken">Stops the waiting while messages take too much memory or the journal is too long, and nothing that follows it.</param>
    /// <exception cref="ArgumentException">An id is in the outbox already.</exception>
    internal async Task AddAsync(IReadOnlyList<OutboxMessage> messages, Receipt[] receipts, CancellationToken cancellationToken)
    {
        await OpenAsync().ConfigureAwait(false);
        await _host.WaitForRoomAsync(isStored: true, cancellationToken).ConfigureAwait(false);
        List<string> begun = new(messages.Count);
        try
        {
            foreach (OutboxMessage message in messages)
            {
                await BeginAddAsync(message.Id, begun).ConfigureAwait(false);
            }

            DateTimeOffset now = time.GetUtcNow();
            CommittedPublish[] publishes =
            [
                .. messages.Select(message => To(_pending, new OutboxEntry { Message = message, Status = OutboxStatus.Pending, StoredAt = now, ChangedAt = now })),
            ];
            Receipt[] all = [.. receipts, .. messages.Select(message => ReceiptOf(message.Id, (byte)OutboxStatus.Pending))];
            await CommitAsync(publishes, [], all).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                _busy.ExceptWith(begun);
            }
        }

        LoadMore();
    }
}
