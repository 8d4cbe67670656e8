using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Bindings;
using EmbeddedMq.Consumers;
using EmbeddedMq.Errors;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Queues;

/// <summary>A queue: ready messages on one side, consumers with credit on the other, and one gate that pairs them.</summary>
/// <remarks>
/// <para>Invariant: outside the gate there are never both a ready, unexpired message at the head, in memory, and a consumer with credit. Hence a
/// publish that meets an empty queue and a consumer with credit is handed over at once, and any other is appended. A head that is on disk only
/// has been asked for; what waits for it goes on when it comes, or something that is before it. While it cannot be read, consumers wait and gets
/// fail: nothing is passed over.</para>
/// <para>Lock order: the queue's gate is taken under nothing but a virtual host's topology gate or a channel's publish gate; under it come the
/// channel's books of deliveries, the scheduler and the memory ledger, which take nothing further. Never two queues. What must not happen
/// under the gate (dead-lettering, answering publishers) is noted in <see cref="QueueAftermath"/> and done by <see cref="LeaveGate"/>.</para>
/// <para>It decides who gets what and when; the entries' own steps, counters and memory are <see cref="QueueContents"/>', and what happens
/// beyond a limit is <see cref="Admission"/>'s.</para>
/// </remarks>
internal sealed partial class Queue : IMessageSink, IEntryOwner, IConsumerHost
{
    private readonly IQueueOwner _owner;
    private readonly Scheduler _scheduler;
    private QueueGate _gate;

    // Guarded by _gate.
    private readonly ConsumerRing _consumers;
    private readonly QueueAftermath _aftermath = new();
    private readonly QueueContents _contents;
    private Admission _admission;
    private ExpirySchedule? _expiry;
    private bool _isDeleted;

    /// <summary>Makes a queue without messages and consumers.</summary>
    /// <param name="declaration">What it was declared with, its name filled in.</param>
    /// <param name="argumentSettings">The settings that its arguments ask for.</param>
    /// <param name="settings">The effective settings: those joined with the policy that applies.</param>
    /// <param name="exclusiveOwner">The connection that it belongs to, or <see langword="null"/>.</param>
    /// <param name="owner">The virtual host.</param>
    /// <param name="scheduler">For expiry.</param>
    /// <param name="memory">Where its messages are counted.</param>
    /// <param name="stored">What the store keeps of it; <see langword="null"/> when it is not stored.</param>
    /// <param name="backlog">Who puts messages away that do not fit into memory, or <see langword="null"/>: all of them stay in memory.</param>
    internal Queue(
        QueueDeclaration declaration,
        QueueSettings argumentSettings,
        QueueSettings settings,
        object? exclusiveOwner,
        IQueueOwner owner,
        Scheduler scheduler,
        MemoryLedger memory,
        StoredQueue? stored,
        BacklogPager? backlog = null)
    {
        Stored = stored;
        Declaration = declaration;
        ArgumentSettings = argumentSettings;
        ExclusiveOwner = exclusiveOwner;
        _owner = owner;
        _scheduler = scheduler;
        _consumers = new ConsumerRing
        {
            SingleActive = argumentSettings.SingleActiveConsumer,
            HandsOverByPriority = argumentSettings.Kind != QueueKind.Quorum,
        };
        _contents = new QueueContents(settings, scheduler.Clock, memory, _aftermath, stored, backlog);
        _admission = new Admission(_contents, _consumers);
        if (settings.WaitingMayCost)
        {
            _consumers.FillAtOnce();
        }

        _backlog = backlog;
        backlog?.Register(this);
    }

    /// <inheritdoc cref="IDestination.Name"/>
    public string Name => Declaration.Name;

    /// <inheritdoc/>
    public DestinationKind Kind => DestinationKind.Queue;

    /// <inheritdoc/>
    public bool ShowsDeliveryCount => ArgumentSettings.Kind == QueueKind.Quorum;

    /// <inheritdoc/>
    public bool IsAbandoned
    {
        get
        {
            if (!Declaration.IsAutoDelete)
            {
                return false;
            }

            using (_gate.Enter())
            {
                return _consumers.IsSuspended;
            }
        }
    }

    /// <summary>What it was declared with.</summary>
    internal QueueDeclaration Declaration { get; }

    /// <summary>The settings that its arguments ask for, before any policy.</summary>
    internal QueueSettings ArgumentSettings { get; }

    /// <summary>The connection that it belongs to, or <see langword="null"/>.</summary>
    internal object? ExclusiveOwner { get; }

    /// <summary>The policy that applies to it, or <see langword="null"/>. Written under the virtual host's topology gate.</summary>
    internal Policy? Policy { get; set; }

    /// <summary>What the store keeps of it; <see langword="null"/> when it is not stored.</summary>
    internal StoredQueue? Stored { get; }

    /// <summary>How long a message that comes now may stay, in milliseconds, or <see cref="QueueEntry.NoExpiry"/>. Read without the gate.</summary>
    /// <param name="message">The message.</param>
    internal long TimeToLiveMs(Message message) => Settings.TimeToLiveMs(message);

    private QueueSettings Settings => _contents.Settings;

    private ExpirySchedule Expiry => _expiry ??= new ExpirySchedule(_scheduler, OnHeadDue, OnLeaseDue);

    /// <inheritdoc/>
    public EnqueueOutcome Enqueue(Message message, string exchange, string routingKey, ulong storedAt, ref PendingPublish? pending)
    {
        QueueEntry entry = NewEntry(message, exchange, routingKey, storedAt);
        EnqueueOutcome outcome;
        using (_gate.Enter())
        {
            outcome = Admit_NeedsGate(entry, isAttended: true, ref pending);
        }

        LeaveGate();
        return outcome;
    }

    /// <summary>Whether the queue would refuse a message now, because it is full.</summary>
    /// <param name="message">The message.</param>
    internal bool WouldRefuse(Message message)
    {
        using (_gate.Enter())
        {
            return _admission.MustRefuse(NewEntry(message, "", "", storedAt: 0));
        }
    }

    /// <summary>Takes a message that is safe on disk with what it belongs to: the queue may not refuse it any more, be it full by now.</summary>
    /// <param name="message">The message.</param>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key of that publish.</param>
    /// <param name="storedAt">Its id in the journal, if the journal has it for this queue; 0: it is not stored.</param>
    internal void EnqueueCommitted(Message message, string exchange, string routingKey, ulong storedAt)
    {
        QueueEntry entry = NewEntry(message, exchange, routingKey, storedAt);
        PendingPublish? nobody = null;
        using (_gate.Enter())
        {
            Admit_NeedsGate(entry, isAttended: false, ref nobody, isCommitted: true);
        }

        LeaveGate();
    }

    /// <summary>Takes a message on the broker's own account (a dead letter, a delayed message): nobody waits for it and nobody is told of a refusal.</summary>
    /// <param name="message">The message.</param>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key of that publish.</param>
    /// <param name="storedAt">Its id in the journal, if the journal has it for this queue; 0: it is not stored.</param>
    /// <returns>Whether the queue took it, now or as soon as it has room.</returns>
    internal bool EnqueueUnattended(Message message, string exchange, string routingKey, ulong storedAt)
    {
        QueueEntry entry = NewEntry(message, exchange, routingKey, storedAt);
        PendingPublish? nobody = null;
        EnqueueOutcome outcome;
        using (_gate.Enter())
        {
            outcome = Admit_NeedsGate(entry, isAttended: false, ref nobody);
        }

        LeaveGate();
        return outcome is EnqueueOutcome.Accepted or EnqueueOutcome.Waiting;
    }

    /// <summary>The level of messages of some priority.</summary>
    /// <param name="priority">The priority, 0 for none.</param>
    internal byte LevelOf(byte priority) => (byte)Math.Min(priority, ArgumentSettings.MaxPriority);

    /// <summary>Takes the first ready message for a get.</summary>
    /// <param name="entry">The message, acquired.</param>
    /// <param name="remainingCount">How many are ready behind it.</param>
    /// <param name="arrival">Set when the first message is on disk: completes when that may have changed, and it is to be tried again.</param>
    /// <exception cref="JournalException">The first message is on disk and could not be read, less than a second ago.</exception>
    internal bool TryAcquire([NotNullWhen(true)] out QueueEntry? entry, out uint remainingCount, out Task? arrival)
    {
        bool taken;
        bool isNextAway;
        long expiredBefore;
        string? readError = null;
        arrival = null;
        using (_gate.Enter())
        {
            Touch_NeedsGate();
            MoveUp_NeedsGate(); // what has expired makes room for what waits, and that may be what is asked for
            taken = _contents.TryTake(out entry);
            if (taken)
            {
                _contents.Acquire(entry!);
                _contents.DropExpired(); // what expired behind it has come to the head; as in RabbitMQ it is not counted any more
            }

            remainingCount = (uint)_contents.Count;
            if (taken)
            {
                MoveUp_NeedsGate();
            }
            else if (!_contents.IsEmpty)
            {
                arrival = AwaitArrival_NeedsGate();
                readError = arrival is null ? _contents.ReadError : null;
            }

            isNextAway = _contents.IsHeadAway;
            expiredBefore = _contents.ExpiredTotal;
        }

        LeaveGate();
        if (readError is not null)
        {
            throw MqErrors.HeadNotReadable(Name, readError);
        }

        if (arrival is not null)
        {
            _backlog!.TryAgain(this);
        }

        if (isNextAway)
        {
            // If it has come back already, what of it has expired does not count either.
            using (_gate.Enter())
            {
                remainingCount -= (uint)Math.Min(remainingCount, _contents.ExpiredTotal - expiredBefore);
            }
        }

        return taken;
    }

    /// <inheritdoc/>
    public void Acknowledge(QueueEntry entry, bool isCounted = false) => _contents.Acknowledge(entry, isCounted);

    /// <inheritdoc/>
    public void Requeue(ReadOnlySpan<QueueEntry> failed, ReadOnlySpan<QueueEntry> unseen, ReadOnlySpan<Consumer> holders = default)
    {
        using (_gate.Enter())
        {
            foreach (QueueEntry entry in failed)
            {
                _contents.Requeue(entry, deliveryFailed: true);
            }

            foreach (QueueEntry entry in unseen)
            {
                _contents.Requeue(entry, deliveryFailed: false);
            }

            foreach (Consumer holder in holders)
            {
                holder.AddCredit();
                _consumers.Resume(holder);
            }

            _contents.DropExcess();
            Dispatch_NeedsGate();
        }

        LeaveGate();
    }

    /// <inheritdoc/>
    public void Reject(QueueEntry entry)
    {
        using (_gate.Enter())
        {
            _contents.Reject(entry);
        }

        LeaveGate();
    }

    /// <summary>Withdraws a publish that waits for room.</summary>
    /// <param name="entry">Its message.</param>
    /// <returns><see langword="false"/> when it has been admitted meanwhile.</returns>
    internal bool TryWithdraw(QueueEntry entry)
    {
        using (_gate.Enter())
        {
            if (entry.State != EntryState.Waiting)
            {
                return false;
            }

            _contents.LetGo(entry);
            _admission.Forget();
            MoveUp_NeedsGate(); // the next in line may be small enough for the room that this one was too large for
        }

        LeaveGate();
        return true;
    }

    /// <summary>The counts that a declaration answers with.</summary>
    /// <param name="touch">Whether asking counts as using the queue.</param>
    internal QueueDeclared Counts(bool touch)
    {
        QueueDeclared counts;
        using (_gate.Enter())
        {
            if (touch)
            {
                Touch_NeedsGate();
            }

            MoveUp_NeedsGate();
            counts = Counts_NeedsGate();
        }

        LeaveGate();
        return counts;
    }

    /// <summary>Replaces the effective settings, because a policy has changed; limits and expiry apply at once, times to live to what comes.</summary>
    /// <param name="settings">The new ones.</param>
    internal void Apply(QueueSettings settings)
    {
        using (_gate.Enter())
        {
            if (_isDeleted || settings == Settings)
            {
                return;
            }

            if (settings.WaitingMayCost)
            {
                FillAtOnce_NeedsGate();
            }

            _contents.Settings = settings;
            _contents.DropExcess();
            MoveUp_NeedsGate();
            Touch_NeedsGate();
        }

        LeaveGate();
    }

    /// <summary>What a listing shows.</summary>
    internal QueueDescription Describe()
    {
        using (_gate.Enter())
        {
            return _contents.Describe(Declaration, _consumers.AcknowledgedCount) with
            {
                Policy = Policy?.Name,
                WaitingPublishCount = _admission.WaitingCount,
                ConsumerCount = _consumers.Count,
                ActiveConsumerTag = _consumers.Active?.ConsumerTag,
            };
        }
    }

    private QueueEntry NewEntry(Message message, string exchange, string routingKey, ulong storedAt)
        => new(message, exchange, routingKey, this) { StoredAt = Stored is null ? 0 : storedAt };

    private EnqueueOutcome Admit_NeedsGate(QueueEntry entry, bool isAttended, ref PendingPublish? pending, bool isCommitted = false)
    {
        if (_isDeleted)
        {
            _contents.Forget(entry);
            return EnqueueOutcome.Gone;
        }

        if (entry.Message.Properties.Expiration is not null)
        {
            FillAtOnce_NeedsGate();
        }

        if (!isCommitted && _admission.MustRefuse(entry))
        {
            _contents.Refuse(entry);
            return EnqueueOutcome.Rejected;
        }

        _contents.Hold(entry);
        if (_admission.MustWait(entry))
        {
            PendingPublish? publish = isAttended ? pending ??= new PendingPublish() : null;
            publish?.AddWait(this, entry);
            _admission.Wait(entry, publish);
            return EnqueueOutcome.Waiting;
        }

        Accept_NeedsGate(entry);
        return EnqueueOutcome.Accepted;
    }

    /// <summary>Takes a message in: to a consumer at once if nothing is before it, else to the end of its level.</summary>
    private void Accept_NeedsGate(QueueEntry entry, bool hasWaited = false)
    {
        bool wasHeadAway = _contents.IsHeadAway;
        _contents.Enter(entry);
        if (hasWaited && entry.ExpiresAtMs != QueueEntry.NoExpiry)
        {
            BrokerClock clock = _scheduler.Clock;
            Stored?.NoteExpiry(entry, clock.UtcNow.ToUnixTimeMilliseconds() + entry.ExpiresAtMs - clock.NowMs);
        }

        while (_contents.IsEmpty && _consumers.TryTakeNextWithCredit(out Consumer? consumer))
        {
            if (TryHandOver_NeedsGate(entry, consumer))
            {
                return;
            }
        }

        _contents.Append(entry);
        bool dropped = _contents.DropExcess();
        if (dropped || entry.ExpiresAtMs != QueueEntry.NoExpiry)
        {
            // There may be another head now, expired or about to be.
            _contents.DropExpired();
            ArmExpiry_NeedsGate();
        }

        if (ResumeOffered_NeedsGate() || (wasHeadAway && !_contents.IsHeadAway))
        {
            Dispatch_NeedsGate(); // or the new head is of a higher priority than what is on disk: consumers may have waited for that
        }
    }

    private void Dispatch_NeedsGate()
    {
        _contents.DropExpired();
        while (_contents.TryPeek(out _) && _consumers.TryTakeNextWithCredit(out Consumer? consumer))
        {
            _contents.TryTake(out QueueEntry? entry);
            if (!TryHandOver_NeedsGate(entry!, consumer))
            {
                _contents.Return(entry!);
            }

            _contents.DropExpired();
        }

        MoveUp_NeedsGate();
    }

    // To be done whenever the ready messages have become fewer, or another one may be the head.
    private void MoveUp_NeedsGate()
    {
        _contents.DropExpired();
        AdmitWaiting_NeedsGate();
        ArmExpiry_NeedsGate();
    }

    // A consumer refuses when it has ended or its channel has closed its books, and somebody is about to remove it. That is left to them: its
    // removal has consequences of its own.
    private bool TryHandOver_NeedsGate(QueueEntry entry, Consumer consumer)
    {
        _contents.Acquire(entry);
        if (consumer.TryPost(entry))
        {
            _gate.NotePosted(consumer);
            return true;
        }

        _contents.Unacquire(entry);
        ConsumerRing.Suspend(consumer);
        return false;
    }

    private void AdmitWaiting_NeedsGate()
    {
        // With the head on disk it is not decided yet who comes before those that wait: consumers may take what comes back first.
        while (!_contents.IsHeadAway && !_isWaitingHeld && _admission.TryTakeNext(out QueueEntry? entry, out PendingPublish? publish))
        {
            Accept_NeedsGate(entry, hasWaited: true);
            if (publish is not null)
            {
                _aftermath.AddAnswer(publish, RejectReason.None);
            }
        }
    }

    private QueueDeclared Counts_NeedsGate() => new(Name, (uint)_contents.Count, (uint)_consumers.Count);

    private void ArmExpiry_NeedsGate()
    {
        if (!_isDeleted && _contents.TryPeek(out QueueEntry? head) && head.ExpiresAtMs != QueueEntry.NoExpiry)
        {
            Expiry.ArmHead(head.ExpiresAtMs);
            FillAtOnce_NeedsGate(); // a restart may have brought it
        }
    }

    private void OnHeadDue()
    {
        using (_gate.Enter())
        {
            MoveUp_NeedsGate();
        }

        LeaveGate();
    }
}
