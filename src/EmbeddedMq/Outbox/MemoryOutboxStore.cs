using EmbeddedMq.Errors;
using EmbeddedMq.Outbox;

namespace EmbeddedMq;

/// <summary>An outbox in memory: for tests, and for a broker that itself keeps nothing on disk.</summary>
/// <remarks>
/// <para><b>It ends with the process</b>, and what was not confirmed by then is lost. With a broker elsewhere it bridges the time in which that
/// broker cannot be reached, and no more; to survive a crash, use a store on disk.</para>
/// <para>The last 10,000 confirmed messages are remembered without their bodies.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public sealed class MemoryOutboxStore : IOutboxStore
{
    private const int MaxConfirmed = 10_000;

    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, StoredMessage> _messages = new(StringComparer.Ordinal);             // guarded by _gate
    private readonly Dictionary<string, LinkedList<StoredMessage>> _keys = new(StringComparer.Ordinal);     // guarded by _gate; in the order of storing
    private readonly Timetable _timetable = new();                                                         // guarded by _gate
    private readonly Queue<string> _confirmed = new();                                                     // guarded by _gate
    private readonly long[] _counts = new long[4];                                                         // guarded by _gate; by status
    private long _openBytes;                                                                               // guarded by _gate
    private TaskCompletionSource _changed = NewSignal();                                                   // guarded by _gate
    private long _lastNumber;                                                                              // guarded by _gate
    private long _lastToken;                                                                               // guarded by _gate

    /// <summary>Makes an empty outbox.</summary>
    /// <param name="timeProvider">The clock; <see langword="null"/> means the system's.</param>
    public MemoryOutboxStore(TimeProvider? timeProvider = null) => _time = timeProvider ?? TimeProvider.System;

    /// <inheritdoc/>
    public ValueTask AddAsync(IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            HashSet<string> ids = new(messages.Count, StringComparer.Ordinal);
            foreach (OutboxMessage message in messages)
            {
                if (_messages.ContainsKey(message.Id) || !ids.Add(message.Id))
                {
                    throw MqErrors.AlreadyInOutbox(message.Id, nameof(messages));
                }
            }

            DateTimeOffset now = _time.GetUtcNow();
            foreach (OutboxMessage message in messages)
            {
                Add_NeedsGate(message, now);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<OutboxEntry>> TakeAsync(int max, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lease, TimeSpan.Zero);
        cancellationToken.ThrowIfCancellationRequested();
        List<OutboxEntry> taken = [];
        lock (_gate)
        {
            DateTimeOffset now = _time.GetUtcNow();
            List<StoredMessage> followers = [];
            _timetable.Promote(now);
            while (taken.Count < max && _timetable.TakeOldest() is { } message)
            {
                SetStatus_NeedsGate(message, OutboxStatus.Sent, now);
                message.Attempts++;
                message.Token = ++_lastToken;
                message.DueAt = now + lease;
                taken.Add(message.Describe());

                // Those behind it in its key may come along, for the caller keeps their order; for anybody else they wait behind it. Not where it has been
                // tried before: should it fail again, or have no answer for long, they would only take the room of others.
                if (message.Attempts == 1 && message.PlaceInKey?.Next?.Value is { } next && IsTakeable(next, now))
                {
                    _timetable.Add(next, now);
                    followers.Add(next);
                }
            }

            foreach (StoredMessage follower in followers)
            {
                _timetable.Remove(follower); // one that was taken is not in it
            }

            // Whoever dies with it in hand: it is due again when the lease is over.
            foreach (OutboxEntry entry in taken)
            {
                Expose_NeedsGate(_messages[entry.Message.Id], now);
            }
        }

        return new ValueTask<IReadOnlyList<OutboxEntry>>(taken);
    }

    /// <inheritdoc/>
    public ValueTask ConfirmAsync(IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entries);
        lock (_gate)
        {
            DateTimeOffset now = _time.GetUtcNow();
            foreach (OutboxEntry entry in entries)
            {
                if (Find_NeedsGate(entry) is { } message)
                {
                    Leave_NeedsGate(message, now);
                    SetStatus_NeedsGate(message, OutboxStatus.Confirmed, now);
                    message.Message = message.Message with { Message = Message.TakeOwnership(ReadOnlyMemory<byte>.Empty, message.Message.Message.Properties) };
                    Remember_NeedsGate(message);
                }
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask PostponeAsync(OutboxEntry entry, string? error, TimeSpan delay, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        lock (_gate)
        {
            if (Find_NeedsGate(entry) is { } message)
            {
                DateTimeOffset now = _time.GetUtcNow();
                if (error is null)
                {
                    message.Attempts--;
                }
                else
                {
                    message.LastError = error;
                }

                PutBack_NeedsGate(message, now, delay);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask FailAsync(OutboxEntry entry, string error, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(error);
        lock (_gate)
        {
            if (Find_NeedsGate(entry) is { } message)
            {
                _timetable.Remove(message);
                SetStatus_NeedsGate(message, OutboxStatus.Failed, _time.GetUtcNow());
                message.LastError = error;
                message.Token = 0;
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<bool> RetryAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        lock (_gate)
        {
            if (!_messages.TryGetValue(id, out StoredMessage? message) || message.Status != OutboxStatus.Failed)
            {
                return new ValueTask<bool>(false);
            }

            message.Attempts = 0;
            PutBack_NeedsGate(message, _time.GetUtcNow(), TimeSpan.Zero);
            return new ValueTask<bool>(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> DiscardAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        lock (_gate)
        {
            if (!_messages.TryGetValue(id, out StoredMessage? message) || message.Status != OutboxStatus.Failed)
            {
                return new ValueTask<bool>(false);
            }

            Leave_NeedsGate(message, _time.GetUtcNow());
            Remove_NeedsGate(message);
            return new ValueTask<bool>(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<OutboxEntry?> FindAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        lock (_gate)
        {
            return new ValueTask<OutboxEntry?>(_messages.TryGetValue(id, out StoredMessage? message) ? message.Describe() : null);
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<OutboxEntry> ListAsync(OutboxStatus status, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            OutboxEntry[] entries =
                [.. _messages.Values.Where(message => message.Status == status).OrderBy(static message => message.Number).Select(static message => message.Describe())];
            return entries.ToAsyncEnumerable();
        }
    }

    /// <inheritdoc/>
    public ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken = default) => new(Count());

    /// <inheritdoc/>
    public async ValueTask WaitAsync(TimeSpan limit, CancellationToken cancellationToken = default)
    {
        DateTimeOffset end = _time.GetUtcNow() + limit;
        while (NextChange(end) is ({ } changed, { } wait))
        {
            try
            {
                await changed.WaitAsync(wait, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // The limit, or the time at which the next one is due.
            }
        }
    }

    /// <inheritdoc cref="CountAsync"/>
    internal OutboxCounts Count()
    {
        lock (_gate)
        {
            return new OutboxCounts(_counts[(int)OutboxStatus.Pending], _counts[(int)OutboxStatus.Sent], _counts[(int)OutboxStatus.Failed])
            {
                OldestAt = _messages.Values.Where(static message => message.IsOpen).Min(static message => (DateTimeOffset?)message.StoredAt),
            };
        }
    }

    /// <summary>How many messages may be taken now.</summary>
    internal int DueCount
    {
        get
        {
            lock (_gate)
            {
                _timetable.Promote(_time.GetUtcNow());
                return _timetable.DueCount;
            }
        }
    }

    /// <summary>About how much memory messages take that are neither confirmed nor given up, in bytes.</summary>
    internal long OpenBytes
    {
        get
        {
            lock (_gate)
            {
                return _openBytes;
            }
        }
    }

    /// <summary>Takes up a message with its status: pending or failed. It is the newest of its order key.</summary>
    /// <param name="entry">The message. One of its id that was confirmed is forgotten.</param>
    /// <returns>Whether it waits behind one that has failed before.</returns>
    internal bool Restore(OutboxEntry entry)
    {
        lock (_gate)
        {
            if (_messages.Remove(entry.Message.Id))
            {
                _counts[(int)OutboxStatus.Confirmed]--;
            }

            StoredMessage message = Add_NeedsGate(entry.Message, entry.StoredAt);
            _timetable.Remove(message);
            message.Attempts = entry.Attempts;
            message.LastError = entry.LastError;
            message.DueAt = entry.DueAt;
            SetStatus_NeedsGate(message, entry.Status, entry.ChangedAt);
            Expose_NeedsGate(message, _time.GetUtcNow());
            return message.PlaceInKey is { Previous: not null, List.First.Value.LastError: not null };
        }
    }

    /// <summary>How many messages of an order key there are.</summary>
    /// <param name="orderKey">The key.</param>
    internal int CountOf(string orderKey)
    {
        lock (_gate)
        {
            return _keys.GetValueOrDefault(orderKey)?.Count ?? 0;
        }
    }

    /// <summary>Whether others wait behind the first message of an order key, which has failed before and is still there.</summary>
    /// <param name="orderKey">The key.</param>
    /// <param name="isIdle">Whether nobody has any of those in hand that wait.</param>
    internal bool IsStuck(string orderKey, out bool isIdle)
    {
        lock (_gate)
        {
            isIdle = false;
            if (_keys.GetValueOrDefault(orderKey) is not { Count: > 1, First.Value.LastError: not null } messages)
            {
                return false;
            }

            DateTimeOffset now = _time.GetUtcNow();
            isIdle = messages.Skip(1).All(message => message.LastError is null && IsTakeable(message, now));
            return true;
        }
    }

    /// <summary>Gives back all messages that wait behind the first of an order key, if <see cref="IsStuck"/> with nobody having any of them in hand.</summary>
    /// <param name="orderKey">The key.</param>
    /// <returns>The messages, in order, which are here no longer; or none.</returns>
    internal IReadOnlyList<OutboxEntry> Evict(string orderKey)
    {
        lock (_gate)
        {
            if (!IsStuck(orderKey, out bool isIdle) || !isIdle)
            {
                return [];
            }

            StoredMessage[] waiting = [.. _keys[orderKey].Skip(1)];
            DateTimeOffset now = _time.GetUtcNow();
            foreach (StoredMessage message in waiting)
            {
                Leave_NeedsGate(message, now);
                Remove_NeedsGate(message);
            }

            return [.. waiting.Select(static message => message.Describe())];
        }
    }

    /// <summary>Keeps a taken message for its holder however long the answer takes to store: its lease does not end.</summary>
    /// <param name="entry">What <see cref="TakeAsync"/> gave.</param>
    /// <returns><see langword="false"/>: somebody else has taken it since, or it is answered already.</returns>
    internal bool TryHold(OutboxEntry entry)
    {
        lock (_gate)
        {
            if (Find_NeedsGate(entry) is not { IsHeld: false } message)
            {
                return false;
            }

            message.IsHeld = true;
            _timetable.Remove(message);
            return true;
        }
    }

    /// <summary>Ends <see cref="TryHold"/>.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="isAnswered">Whether the answer is stored and follows now; if not, the message is due again when its lease is over.</param>
    internal void Release(OutboxEntry entry, bool isAnswered)
    {
        lock (_gate)
        {
            if (Find_NeedsGate(entry) is { } message)
            {
                message.IsHeld = false;
                if (!isAnswered)
                {
                    Expose_NeedsGate(message, _time.GetUtcNow());
                }
            }
        }
    }

    // What to wait for and how long; nothing when the waiting is over.
    private (Task? Changed, TimeSpan? Wait) NextChange(DateTimeOffset end)
    {
        lock (_gate)
        {
            DateTimeOffset now = _time.GetUtcNow();
            _timetable.Promote(now);
            return _timetable.DueCount > 0 || now >= end ? default
                : (_changed.Task, (_timetable.NextDueAt is { } next && next < end ? next : end) - now);
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static bool IsTakeable(StoredMessage message, DateTimeOffset now)
        => !message.IsHeld && message.IsOpen && message.DueAt <= now;

    private StoredMessage Add_NeedsGate(OutboxMessage message, DateTimeOffset now)
    {
        StoredMessage stored = new(message, ++_lastNumber, now);
        _messages.Add(message.Id, stored);
        _counts[(int)OutboxStatus.Pending]++;
        _openBytes += stored.OpenBytes;
        if (message.OrderKey is { } key)
        {
            if (!_keys.TryGetValue(key, out LinkedList<StoredMessage>? list))
            {
                _keys.Add(key, list = new LinkedList<StoredMessage>());
            }

            stored.PlaceInKey = list.AddLast(stored);
        }

        Expose_NeedsGate(stored, now);
        return stored;
    }

    // Puts it where TakeAsync looks, unless another of its key is ahead or it has failed; and wakes who waits for that.
    private void Expose_NeedsGate(StoredMessage message, DateTimeOffset now)
    {
        if (!message.IsHeld && message.IsFirstOfKey && message.Status is OutboxStatus.Pending or OutboxStatus.Sent)
        {
            _timetable.Add(message, now);
            TaskCompletionSource changed = _changed;
            _changed = NewSignal();
            changed.SetResult(); // runs nobody's continuation here
        }
    }

    private void PutBack_NeedsGate(StoredMessage message, DateTimeOffset now, TimeSpan delay)
    {
        _timetable.Remove(message);
        SetStatus_NeedsGate(message, OutboxStatus.Pending, now);
        message.DueAt = now + delay;
        message.Token = 0;
        Expose_NeedsGate(message, now);
    }

    // It holds back nobody any more.
    private void Leave_NeedsGate(StoredMessage message, DateTimeOffset now)
    {
        _timetable.Remove(message);
        if (message.PlaceInKey is not { } place)
        {
            return;
        }

        LinkedListNode<StoredMessage>? next = place.Previous is null ? place.Next : null;
        LinkedList<StoredMessage> list = place.List!;
        list.Remove(place);
        message.PlaceInKey = null;
        if (list.Count == 0)
        {
            _keys.Remove(message.Message.OrderKey!);
        }
        else if (next is not null)
        {
            Expose_NeedsGate(next.Value, now);
        }
    }

    private void Remove_NeedsGate(StoredMessage message)
    {
        _counts[(int)message.Status]--;
        _openBytes -= message.OpenBytes;
        _messages.Remove(message.Message.Id);
    }

    private StoredMessage? Find_NeedsGate(OutboxEntry entry)
        => _messages.TryGetValue(entry.Message.Id, out StoredMessage? message) && message.Status == OutboxStatus.Sent && entry.Token is long token && token == message.Token
            ? message
            : null;

    private void SetStatus_NeedsGate(StoredMessage message, OutboxStatus status, DateTimeOffset now)
    {
        _counts[(int)message.Status]--;
        _counts[(int)status]++;
        _openBytes -= message.OpenBytes;
        message.Status = status;
        _openBytes += message.OpenBytes;
        message.ChangedAt = now;
    }

    private void Remember_NeedsGate(StoredMessage message)
    {
        _confirmed.Enqueue(message.Message.Id);

        // One of its id may have been taken up again since.
        if (_confirmed.Count > MaxConfirmed && _confirmed.Dequeue() is var oldest && _messages.GetValueOrDefault(oldest) is { Status: OutboxStatus.Confirmed })
        {
            _messages.Remove(oldest);
            _counts[(int)OutboxStatus.Confirmed]--;
        }
    }
}
