using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Bindings;
using EmbeddedMq.Consumers;
using EmbeddedMq.Errors;
using EmbeddedMq.Messages;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Queues;

/// <summary>A queue: ready messages on one side, consumers with credit on the other, and one gate that pairs them.</summary>
/// <remarks>
/// <para>Invariant: outside the gate there are never both a ready, unexpired message and a consumer with credit. Hence a publish that meets
/// an empty queue and a consumer with credit is handed over at once, and any other is appended.</para>
/// <para>Lock order: the queue's gate is taken under nothing but a virtual host's topology gate or a channel's publish gate; under it come the
/// channel's books of deliveries, the scheduler and the memory ledger, which take nothing further. Never two queues. What must not happen
/// under the gate (dead-lettering, answering publishers) is noted in <see cref="QueueAftermath"/> and done by <see cref="LeaveGate"/>.</para>
/// </remarks>
internal sealed class Queue : IMessageSink, IEntryOwner, IConsumerHost
{
    private readonly IQueueOwner _owner;
    private readonly Scheduler _scheduler;
    private readonly MemoryLedger _memory;
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private readonly ConsumerRing _consumers;
    private readonly QueueAftermath _aftermath = new();
    private readonly QueueCounters _counters = new();
    private PriorityReadyList _ready;
    private WaitingRoom? _waiting;
    private QueueSettings _settings;
    private ulong _lastSequence;
    private long _lastUsedMs;
    private bool _isDeleted;
    private QueueTimer? _expiryTimer;
    private QueueTimer? _leaseTimer;

    /// <summary>Makes a queue without messages and consumers.</summary>
    /// <param name="declaration">What it was declared with, its name filled in.</param>
    /// <param name="argumentSettings">The settings that its arguments ask for.</param>
    /// <param name="settings">The effective settings: those joined with the policy that applies.</param>
    /// <param name="exclusiveOwner">The connection that it belongs to, or <see langword="null"/>.</param>
    /// <param name="owner">The virtual host.</param>
    /// <param name="scheduler">For expiry.</param>
    /// <param name="memory">Where its messages are counted.</param>
    internal Queue(
        QueueDeclaration declaration, QueueSettings argumentSettings, QueueSettings settings, object? exclusiveOwner, IQueueOwner owner, Scheduler scheduler, MemoryLedger memory)
    {
        Declaration = declaration;
        ArgumentSettings = argumentSettings;
        ExclusiveOwner = exclusiveOwner;
        _settings = settings;
        _owner = owner;
        _scheduler = scheduler;
        _memory = memory;
        _consumers = new ConsumerRing { SingleActive = argumentSettings.SingleActiveConsumer };
        _ready = new PriorityReadyList(argumentSettings.MaxPriority);
    }

    /// <inheritdoc cref="IDestination.Name"/>
    public string Name => Declaration.Name;

    /// <inheritdoc/>
    public DestinationKind Kind => DestinationKind.Queue;

    /// <inheritdoc/>
    public bool ShowsDeliveryCount => ArgumentSettings.Kind == QueueKind.Quorum;

    /// <summary>What it was declared with.</summary>
    internal QueueDeclaration Declaration { get; }

    /// <summary>The settings that its arguments ask for, before any policy.</summary>
    internal QueueSettings ArgumentSettings { get; }

    /// <summary>The connection that it belongs to, or <see langword="null"/>.</summary>
    internal object? ExclusiveOwner { get; }

    /// <summary>The policy that applies to it, or <see langword="null"/>. Written under the virtual host's topology gate.</summary>
    internal Policy? Policy { get; set; }

    /// <inheritdoc/>
    public EnqueueOutcome Enqueue(Message message, string exchange, string routingKey, ref PendingPublish? pending)
    {
        QueueEntry entry = new(message, exchange, routingKey, this);
        EnqueueOutcome outcome;
        lock (_gate)
        {
            outcome = Admit_NeedsGate(entry, ref pending);
        }

        LeaveGate();
        return outcome;
    }

    /// <summary>Takes a message on the broker's own account (a dead letter, a delayed message): nobody waits for it and nobody is told of a refusal.</summary>
    /// <param name="message">The message.</param>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key of that publish.</param>
    /// <returns>Whether the queue took it, now or as soon as it has room.</returns>
    internal bool EnqueueUnattended(Message message, string exchange, string routingKey)
    {
        QueueEntry entry = new(message, exchange, routingKey, this);
        EnqueueOutcome outcome;
        lock (_gate)
        {
            outcome = AdmitUnattended_NeedsGate(entry);
        }

        LeaveGate();
        return outcome is EnqueueOutcome.Accepted or EnqueueOutcome.Waiting;
    }

    /// <summary>Takes the first ready message for a get.</summary>
    /// <param name="entry">The message, acquired.</param>
    /// <param name="remainingCount">How many are ready behind it.</param>
    internal bool TryAcquire([NotNullWhen(true)] out QueueEntry? entry, out uint remainingCount)
    {
        bool taken;
        lock (_gate)
        {
            Touch_NeedsGate();
            DropExpired_NeedsGate();
            taken = _ready.TryTake(out entry);
            remainingCount = (uint)_ready.Count;
            if (taken)
            {
                Acquire_NeedsGate(entry!);
                AdmitWaiting_NeedsGate();
                ArmExpiry_NeedsGate();
            }
        }

        LeaveGate();
        return taken;
    }

    /// <summary>Adds a consumer and delivers to it what is ready.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <param name="virtualHost">The virtual host's name, for the error.</param>
    /// <exception cref="ChannelException">403: in exclusive use, or wanted exclusively while in use.</exception>
    internal void AddConsumer(Consumer consumer, string virtualHost)
    {
        lock (_gate)
        {
            if (_isDeleted)
            {
                throw MqErrors.QueueNotFound(virtualHost, Name);
            }

            if (_consumers.HasExclusive || (consumer.Options.Exclusive && (_consumers.Count > 0 || _consumers.SingleActive)))
            {
                throw MqErrors.QueueInExclusiveUse(virtualHost, Name);
            }

            _consumers.Add(consumer);
            Touch_NeedsGate();
            Dispatch_NeedsGate();
        }

        LeaveGate();
    }

    /// <summary>Removes a consumer; nothing is posted to it once this has returned.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <returns>Whether it was there.</returns>
    internal bool RemoveConsumer(Consumer consumer)
    {
        bool wasLast;
        lock (_gate)
        {
            if (!_consumers.Remove(consumer))
            {
                return false;
            }

            wasLast = _consumers.Count == 0;
            Touch_NeedsGate();
            Dispatch_NeedsGate(); // another may have become the active one
        }

        LeaveGate();
        if (wasLast && Declaration.IsAutoDelete)
        {
            _owner.DeleteUnused(this);
        }

        return true;
    }

    /// <inheritdoc/>
    public void Resume(Consumer consumer)
    {
        lock (_gate)
        {
            if (!_consumers.Resume(consumer))
            {
                return;
            }

            Dispatch_NeedsGate();
        }

        LeaveGate();
    }

    /// <inheritdoc/>
    public void Acknowledge(QueueEntry entry)
    {
        entry.Move(EntryState.Acquired, EntryState.Settled);
        _counters.AddAcknowledged();
        _memory.Release(entry.MemoryBytes);
    }

    /// <inheritdoc/>
    public void Requeue(ReadOnlySpan<QueueEntry> entries, bool deliveryFailed)
    {
        lock (_gate)
        {
            foreach (QueueEntry entry in entries)
            {
                Requeue_NeedsGate(entry, deliveryFailed);
            }

            DropExcess_NeedsGate();
            Dispatch_NeedsGate();
        }

        LeaveGate();
    }

    /// <inheritdoc/>
    public void Reject(QueueEntry entry)
    {
        lock (_gate)
        {
            DieAcquired_NeedsGate(entry, DeathReason.Rejected);
        }

        LeaveGate();
    }

    /// <summary>Withdraws a publish that waits for room.</summary>
    /// <param name="entry">Its message.</param>
    /// <returns><see langword="false"/> when it has been admitted meanwhile.</returns>
    internal bool TryWithdraw(QueueEntry entry)
    {
        lock (_gate)
        {
            if (entry.State != EntryState.Waiting)
            {
                return false;
            }

            entry.Move(EntryState.Waiting, EntryState.Settled);
            _waiting!.Forget();
            _memory.Release(entry.MemoryBytes);
            return true;
        }
    }

    /// <summary>Removes the ready messages.</summary>
    /// <returns>How many there were.</returns>
    internal uint Purge()
    {
        PriorityReadyList purged;
        lock (_gate)
        {
            DropExpired_NeedsGate();
            purged = _ready;
            _ready = new PriorityReadyList(ArgumentSettings.MaxPriority);
            _counters.Purged += purged.Count;
            AdmitWaiting_NeedsGate();
        }

        LeaveGate();
        uint count = (uint)purged.Count;
        Discard(purged);
        return count;
    }

    /// <summary>Begins to delete the queue: from here on it takes nothing and delivers nothing. <see cref="CompleteDelete"/> does the rest.</summary>
    /// <param name="refuse">Looks at the counts under the gate and may refuse.</param>
    /// <returns>What is left to do, or the refusal; <see langword="null"/> when it was deleted already.</returns>
    internal QueueDeletion? BeginDelete(Func<QueueDeclared, Exception?> refuse)
    {
        lock (_gate)
        {
            if (_isDeleted)
            {
                return null;
            }

            DropExpired_NeedsGate();
            if (refuse(Counts_NeedsGate()) is { } refusal)
            {
                return new QueueDeletion(refusal, null, []);
            }

            _isDeleted = true;
            QueueDeletion deletion = new(null, _ready, [.. _consumers.All]);
            _ready = new PriorityReadyList(0);
            foreach (Consumer consumer in deletion.Consumers)
            {
                _consumers.Remove(consumer);
            }

            RefuseWaiting_NeedsGate();
            CancelTimers_NeedsGate();
            return deletion;
        }
    }

    /// <summary>Ends a deletion: consumers are told, waiting publishes refused, ready messages discarded. Also to be called after a refusal.</summary>
    /// <param name="deletion">What was begun.</param>
    internal void CompleteDelete(QueueDeletion deletion)
    {
        LeaveGate();
        if (deletion.Discarded is { } discarded)
        {
            Discard(discarded);
        }

        foreach (Consumer consumer in deletion.Consumers)
        {
            consumer.EndWithQueue();
        }
    }

    /// <summary>The counts that a declaration answers with.</summary>
    /// <param name="touch">Whether asking counts as using the queue.</param>
    internal QueueDeclared Counts(bool touch)
    {
        QueueDeclared counts;
        lock (_gate)
        {
            if (touch)
            {
                Touch_NeedsGate();
            }

            DropExpired_NeedsGate();
            counts = Counts_NeedsGate();
        }

        LeaveGate();
        return counts;
    }

    /// <summary>Whether nobody has used the queue for its expiry time.</summary>
    internal bool IsLeaseOver()
    {
        lock (_gate)
        {
            return !_isDeleted && _settings.ExpiresMs is { } expiresMs && _consumers.Count == 0 && _scheduler.Clock.NowMs - _lastUsedMs >= expiresMs;
        }
    }

    /// <summary>Replaces the effective settings, because a policy has changed; limits and expiry apply at once, times to live to what comes.</summary>
    /// <param name="settings">The new ones.</param>
    internal void Apply(QueueSettings settings)
    {
        lock (_gate)
        {
            if (_isDeleted || settings == _settings)
            {
                return;
            }

            _settings = settings;
            DropExcess_NeedsGate();
            AdmitWaiting_NeedsGate();
            Touch_NeedsGate();
        }

        LeaveGate();
    }

    /// <summary>What a listing shows.</summary>
    internal QueueDescription Describe()
    {
        lock (_gate)
        {
            return new QueueDescription(Declaration)
            {
                Policy = Policy?.Name,
                ReadyCount = _ready.Count,
                ReadyBytes = _ready.BodyBytes,
                UnackedCount = _counters.Unacked,
                WaitingPublishCount = _waiting?.Count ?? 0,
                ConsumerCount = _consumers.Count,
                ActiveConsumerTag = _consumers.Active?.ConsumerTag,
                EnqueuedTotal = _counters.Enqueued,
                AckedTotal = _counters.Acknowledged,
                RequeuedTotal = _counters.Requeued,
                DeadLetteredTotal = _counters.DeadLettered,
                DroppedTotal = _counters.Dropped,
                PurgedTotal = _counters.Purged,
                RejectedPublishTotal = _counters.Rejected,
            };
        }
    }

    /// <summary>Does what was decided under the gate and must not be done there. Called after every leave that may have decided something.</summary>
    private void LeaveGate()
    {
        if (!_aftermath.IsPending)
        {
            return;
        }

        lock (_gate)
        {
            if (!_aftermath.TryBegin())
            {
                return;
            }
        }

        try
        {
            while (TryTakeAftermath(out QueueAftermath.Work work))
            {
                CarryOut(work);
            }
        }
        catch
        {
            lock (_gate)
            {
                _aftermath.End();
            }

            throw;
        }
    }

    private bool TryTakeAftermath(out QueueAftermath.Work work)
    {
        lock (_gate)
        {
            return _aftermath.TryTakeNext(out work);
        }
    }

    private void CarryOut(in QueueAftermath.Work work)
    {
        if (work.Entry is null)
        {
            work.Publish!.Answer(work.RejectReason);
            return;
        }

        bool taken = _owner.DeadLetter(this, work.Settings!, work.Entry, work.DeathReason);
        _memory.Release(work.Entry.MemoryBytes);
        lock (_gate)
        {
            if (taken)
            {
                _counters.DeadLettered++;
            }
            else
            {
                _counters.Dropped++;
            }
        }
    }

    private EnqueueOutcome Admit_NeedsGate(QueueEntry entry, ref PendingPublish? pending)
    {
        if (_isDeleted)
        {
            return EnqueueOutcome.Gone;
        }

        if (MustRefuse_NeedsGate(entry))
        {
            return EnqueueOutcome.Rejected;
        }

        if (MustWait_NeedsGate(entry))
        {
            pending ??= new PendingPublish();
            pending.AddWait(this, entry);
            Wait_NeedsGate(entry, pending);
            return EnqueueOutcome.Waiting;
        }

        _memory.Add(entry.MemoryBytes);
        Accept_NeedsGate(entry);
        return EnqueueOutcome.Accepted;
    }

    private EnqueueOutcome AdmitUnattended_NeedsGate(QueueEntry entry)
    {
        if (_isDeleted)
        {
            return EnqueueOutcome.Gone;
        }

        if (MustRefuse_NeedsGate(entry))
        {
            return EnqueueOutcome.Rejected;
        }

        if (MustWait_NeedsGate(entry))
        {
            Wait_NeedsGate(entry, null);
            return EnqueueOutcome.Waiting;
        }

        _memory.Add(entry.MemoryBytes);
        Accept_NeedsGate(entry);
        return EnqueueOutcome.Accepted;
    }

    private bool MustRefuse_NeedsGate(QueueEntry entry)
    {
        if (_settings.Overflow is not (Overflow.RejectPublish or Overflow.RejectPublishDeadLetter) || !WouldExceed_NeedsGate(entry))
        {
            return false;
        }

        _counters.Rejected++;
        if (_settings.Overflow == Overflow.RejectPublishDeadLetter)
        {
            // It never was in the queue, but it dies there: it is counted as having come and gone.
            _counters.Enqueued++;
            _memory.Add(entry.MemoryBytes);
            Die_NeedsGate(entry, EntryState.Waiting, DeathReason.MaxLength);
        }

        return true;
    }

    // Nobody overtakes those who wait. A body larger than the whole limit is let into an empty queue: it would wait for ever.
    private bool MustWait_NeedsGate(QueueEntry entry)
        => _settings.Overflow == Overflow.BlockPublisher
            && (_waiting is { Count: > 0 } || !HasRoom_NeedsGate(entry));

    private bool HasRoom_NeedsGate(QueueEntry entry)
        => !WouldExceed_NeedsGate(entry) || (_ready.IsEmpty && (_settings.MaxLength is not 0 || _consumers.AnyCanTake));

    private bool WouldExceed_NeedsGate(QueueEntry entry)
        => _ready.Count + 1 > _settings.MaxLength || _ready.BodyBytes + entry.BodyBytes > _settings.MaxLengthBytes;

    private void Wait_NeedsGate(QueueEntry entry, PendingPublish? pending)
    {
        _memory.Add(entry.MemoryBytes);
        (_waiting ??= new WaitingRoom()).Add(entry, pending);
    }

    /// <summary>Takes a message in: to a consumer at once if nothing is before it, else to the end of its level.</summary>
    private void Accept_NeedsGate(QueueEntry entry)
    {
        entry.Move(EntryState.Waiting, EntryState.Ready);
        entry.Sequence = ++_lastSequence;
        entry.Priority = _ready.LevelOf(entry.Message.Properties.Priority);
        _counters.Enqueued++;
        SetExpiry_NeedsGate(entry);
        while (_ready.IsEmpty && _consumers.TryTakeNextWithCredit(out Consumer? consumer))
        {
            if (TryHandOver_NeedsGate(entry, consumer))
            {
                return;
            }
        }

        _ready.Add(entry);
        DropExcess_NeedsGate();
        if (entry.ExpiresAtMs != QueueEntry.NoExpiry)
        {
            DropExpired_NeedsGate();
            ArmExpiry_NeedsGate();
        }
    }

    // The smaller of the queue's time to live and the message's own counts, from now on.
    private void SetExpiry_NeedsGate(QueueEntry entry)
    {
        long ttlMs = _settings.MessageTtlMs ?? QueueEntry.NoExpiry;
        if (entry.Message.Properties.Expiration is { } expiration && Expiration.TryParse(expiration, out long ownMs, out _))
        {
            ttlMs = Math.Min(ttlMs, ownMs);
        }

        if (ttlMs != QueueEntry.NoExpiry)
        {
            entry.ExpiresAtMs = _scheduler.Clock.NowMs + ttlMs;
        }
    }

    private void Dispatch_NeedsGate()
    {
        DropExpired_NeedsGate();
        while (!_ready.IsEmpty && _consumers.TryTakeNextWithCredit(out Consumer? consumer))
        {
            _ready.TryTake(out QueueEntry? entry);
            if (!TryHandOver_NeedsGate(entry!, consumer))
            {
                _ready.Return(entry!);
            }

            DropExpired_NeedsGate();
        }

        AdmitWaiting_NeedsGate();
        ArmExpiry_NeedsGate();
    }

    // A consumer refuses when its channel has closed its books and is about to take it out of the ring.
    private bool TryHandOver_NeedsGate(QueueEntry entry, Consumer consumer)
    {
        Acquire_NeedsGate(entry);
        if (consumer.TryPost(entry))
        {
            return true;
        }

        entry.Move(EntryState.Acquired, EntryState.Ready);
        _counters.Acquired--;
        _consumers.Remove(consumer);
        return false;
    }

    private void Acquire_NeedsGate(QueueEntry entry)
    {
        entry.Move(EntryState.Ready, EntryState.Acquired);
        _counters.Acquired++;
    }

    private void Requeue_NeedsGate(QueueEntry entry, bool deliveryFailed)
    {
        entry.Redelivered = true;
        if (deliveryFailed)
        {
            entry.FailedDeliveries++;
        }

        if (_isDeleted)
        {
            entry.Move(EntryState.Acquired, EntryState.Settled);
            _counters.DiedAcquired++;
            _memory.Release(entry.MemoryBytes);
        }
        else if (entry.FailedDeliveries > _settings.DeliveryLimit)
        {
            DieAcquired_NeedsGate(entry, DeathReason.DeliveryLimit);
        }
        else
        {
            entry.Move(EntryState.Acquired, EntryState.Ready);
            _counters.Requeued++;
            _ready.Return(entry);
        }
    }

    private void AdmitWaiting_NeedsGate()
    {
        while (_waiting is not null && _waiting.TryPeek(out QueueEntry? entry) && HasRoom_NeedsGate(entry))
        {
            PendingPublish? publish = _waiting.Take();
            Accept_NeedsGate(entry);
            if (publish is not null)
            {
                _aftermath.AddAnswer(publish, RejectReason.None);
            }
        }
    }

    private void RefuseWaiting_NeedsGate()
    {
        while (_waiting is not null && _waiting.TryPeek(out QueueEntry? entry))
        {
            PendingPublish? publish = _waiting.Take();
            entry.Move(EntryState.Waiting, EntryState.Settled);
            _memory.Release(entry.MemoryBytes);
            if (publish is not null)
            {
                _aftermath.AddAnswer(publish, RejectReason.QueueDeleted);
            }
        }
    }

    private void DropExpired_NeedsGate()
    {
        while (_ready.TryPeek(out QueueEntry? head) && head.ExpiresAtMs != QueueEntry.NoExpiry && head.ExpiresAtMs <= _scheduler.Clock.NowMs)
        {
            _ready.TryTake(out _);
            Die_NeedsGate(head, EntryState.Ready, DeathReason.Expired);
        }
    }

    private void DropExcess_NeedsGate()
    {
        if (_settings.Overflow != Overflow.DropHead)
        {
            return;
        }

        while (_ready.Count > _settings.MaxLength || (_ready.BodyBytes > _settings.MaxLengthBytes && !_ready.IsEmpty))
        {
            _ready.TryTake(out QueueEntry? head);
            Die_NeedsGate(head!, EntryState.Ready, DeathReason.MaxLength);
        }
    }

    private void DieAcquired_NeedsGate(QueueEntry entry, DeathReason reason)
    {
        _counters.DiedAcquired++;
        Die_NeedsGate(entry, EntryState.Acquired, reason);
    }

    private void Die_NeedsGate(QueueEntry entry, EntryState from, DeathReason reason)
    {
        entry.Move(from, EntryState.Settled);
        if (_settings.DeadLetters && !_isDeleted)
        {
            _aftermath.AddDeath(entry, _settings, reason);
        }
        else
        {
            _counters.Dropped++;
            _memory.Release(entry.MemoryBytes);
        }
    }

    private QueueDeclared Counts_NeedsGate() => new(Name, (uint)_ready.Count, (uint)_consumers.Count);

    private void Touch_NeedsGate()
    {
        if (_settings.ExpiresMs is not { } expiresMs || _isDeleted)
        {
            return;
        }

        _lastUsedMs = _scheduler.Clock.NowMs;
        _leaseTimer ??= new QueueTimer(OnLeaseDue);
        _scheduler.Schedule(_leaseTimer, _consumers.Count > 0 ? ScheduledWork.Never : _lastUsedMs + expiresMs);
    }

    // The head alone expires; an appointment that is early only costs a look.
    private void ArmExpiry_NeedsGate()
    {
        if (_isDeleted || !_ready.TryPeek(out QueueEntry? head) || head.ExpiresAtMs == QueueEntry.NoExpiry)
        {
            return;
        }

        _expiryTimer ??= new QueueTimer(OnExpiryDue);
        if (head.ExpiresAtMs < _expiryTimer.DueMs)
        {
            _scheduler.Schedule(_expiryTimer, head.ExpiresAtMs);
        }
    }

    private void OnExpiryDue()
    {
        lock (_gate)
        {
            DropExpired_NeedsGate();
            AdmitWaiting_NeedsGate();
            ArmExpiry_NeedsGate();
        }

        LeaveGate();
    }

    private void OnLeaseDue() => _owner.DeleteExpired(this);

    private void CancelTimers_NeedsGate()
    {
        if (_expiryTimer is not null)
        {
            _scheduler.Schedule(_expiryTimer, ScheduledWork.Never);
        }

        if (_leaseTimer is not null)
        {
            _scheduler.Schedule(_leaseTimer, ScheduledWork.Never);
        }
    }

    private void Discard(PriorityReadyList entries)
    {
        while (entries.TryTake(out QueueEntry? entry))
        {
            entry.Move(EntryState.Ready, EntryState.Settled);
            _memory.Release(entry.MemoryBytes);
        }
    }
}
