using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Queues;

/// <summary>The messages of one queue and the account of them: every step of an entry's life is taken here, with its counter and its share of memory.</summary>
/// <remarks>Guarded by the queue's gate, but for <see cref="Acknowledge"/> and <see cref="Discard"/>, whose callers are the only holders of what
/// they give. It decides nothing about consumers and publishers; deaths are noted in the queue's <see cref="QueueAftermath"/>.</remarks>
/// <param name="settings">The effective settings.</param>
/// <param name="clock">The clock of expiry.</param>
/// <param name="memory">Where the messages are counted.</param>
/// <param name="aftermath">Where deaths are noted that lead elsewhere.</param>
/// <param name="stored">What the store keeps of the queue; <see langword="null"/> when it is not stored.</param>
/// <param name="backlog">Who puts messages away that do not fit into memory, or <see langword="null"/>: all of them stay in memory.</param>
internal sealed partial class QueueContents(
    QueueSettings settings, BrokerClock clock, MemoryLedger memory, QueueAftermath aftermath, StoredQueue? stored, BacklogPager? backlog = null)
{
    private QueueCounters _counters;
    private readonly int _maxPriority = settings.MaxPriority; // an argument of the declaration, which no policy changes
    private PriorityReadyList _ready = new(settings.MaxPriority);
    private QueueSettings _settings = settings;
    private bool _isClosed;

    /// <summary>The effective settings. Written under the gate.</summary>
    internal QueueSettings Settings
    {
        get => Volatile.Read(ref _settings);
        set => Volatile.Write(ref _settings, value);
    }

    /// <summary>How many messages are ready, in memory or on disk.</summary>
    internal int Count => _ready.Count;

    /// <summary>Whether none is.</summary>
    internal bool IsEmpty => _ready.IsEmpty;

    /// <summary>How many have expired at the head.</summary>
    internal long ExpiredTotal { get; private set; }

    /// <summary>Whether one more ready message would exceed a limit.</summary>
    /// <param name="entry">That message.</param>
    internal bool WouldExceed(QueueEntry entry)
        => _ready.Count + 1 > Settings.MaxLength || _ready.BodyBytes + entry.BodyBytes > Settings.MaxLengthBytes;

    /// <summary>Begins to hold a message, which waits outside or enters next.</summary>
    /// <param name="entry">The message.</param>
    internal void Hold(QueueEntry entry) => memory.Add(entry.MemoryBytes);

    /// <summary>Lets go of a message that waited outside and does not enter.</summary>
    /// <param name="entry">The message.</param>
    internal void LetGo(QueueEntry entry)
    {
        entry.Move(EntryState.Waiting, EntryState.Settled);
        End(entry);
    }

    /// <summary>Forgets a message that came too late.</summary>
    /// <param name="entry">The message, not held yet.</param>
    internal void Forget(QueueEntry entry) => SettleStored(entry);

    /// <summary>Refuses a message by the overflow in force.</summary>
    /// <param name="entry">The message, not held yet.</param>
    internal void Refuse(QueueEntry entry)
    {
        _counters.Rejected++;
        if (Settings.Overflow == Overflow.RejectPublishDeadLetter)
        {
            // It never was in the queue, but it dies there: it is counted as having come and gone.
            _counters.Enqueued++;
            Hold(entry);
            Die(entry, EntryState.Waiting, DeathReason.MaxLength);
        }
        else
        {
            SettleStored(entry);
        }
    }

    /// <summary>Takes a message in: from here on it has a position, a level and an expiry. It is not in the list yet.</summary>
    /// <param name="entry">The message, held.</param>
    internal void Enter(QueueEntry entry)
    {
        entry.Move(EntryState.Waiting, EntryState.Ready);
        entry.Sequence = ++_counters.LastSequence;
        entry.Priority = _ready.LevelOf(entry.Message.Properties.Priority);
        _counters.Enqueued++;
        SetExpiry(entry);
    }

    /// <summary>Appends a message that has just entered.</summary>
    /// <param name="entry">The message.</param>
    internal void Append(QueueEntry entry) => _ready.Add(entry);

    /// <summary>Shows the first ready message, if it is in memory.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryPeek([NotNullWhen(true)] out QueueEntry? entry) => _ready.TryPeek(out entry);

    /// <summary>Takes the first ready message out of the list, if it is in memory.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryTake([NotNullWhen(true)] out QueueEntry? entry)
    {
        bool taken = _ready.TryTake(out entry);
        if (_ready.AwayCount > 0)
        {
            NotePageWanted();
        }

        return taken;
    }

    /// <summary>Puts a ready message that was taken back to its position.</summary>
    /// <param name="entry">The message.</param>
    internal void Return(QueueEntry entry) => _ready.Return(entry);

    /// <summary>Marks a ready message, out of the list, as handed over.</summary>
    /// <param name="entry">The message.</param>
    internal void Acquire(QueueEntry entry)
    {
        entry.Move(EntryState.Ready, EntryState.Acquired);
        _counters.Acquired++;
        if (_acquired is not null && entry.Block is null && (entry.StoredAt != 0 || (stored is not null && entry.Message.Properties.IsPersistent)))
        {
            _acquired.Add(entry);
        }

        if (stored is not null && Settings.DeliveryLimit is not null)
        {
            stored.Mark(entry, entry.FailedDeliveries + 1); // if the process ends now, that was a failed delivery: it may have been the cause
        }
    }

    /// <summary>Takes the mark of <see cref="Acquire"/> back, as if nothing had been handed over.</summary>
    /// <param name="entry">The message.</param>
    internal void Unacquire(QueueEntry entry)
    {
        entry.Move(EntryState.Acquired, EntryState.Ready);
        _counters.Acquired--;
    }

    /// <summary>Settles a message as processed. Called without the gate.</summary>
    /// <param name="entry">The message, acquired.</param>
    /// <param name="isCounted">Whether its consumer has counted that itself.</param>
    internal void Acknowledge(QueueEntry entry, bool isCounted)
    {
        entry.Move(EntryState.Acquired, EntryState.Settled);
        if (!isCounted)
        {
            _counters.AddAcknowledged(1);
        }

        End(entry);
    }

    /// <summary>Counts acknowledgements that a consumer had counted, which leaves.</summary>
    /// <param name="count">How many.</param>
    internal void AddAcknowledged(long count) => _counters.AddAcknowledged(count);

    /// <summary>Puts a message back to its position, unless it has failed too often or the queue has gone.</summary>
    /// <param name="entry">The message, acquired.</param>
    /// <param name="deliveryFailed">Whether this counts as a failed delivery.</param>
    internal void Requeue(QueueEntry entry, bool deliveryFailed)
    {
        entry.Redelivered = true;
        if (deliveryFailed)
        {
            entry.FailedDeliveries++;
        }

        if (_isClosed)
        {
            entry.Move(EntryState.Acquired, EntryState.Settled);
            _counters.DiedAcquired++;
            End(entry);
        }
        else if (entry.FailedDeliveries > Settings.DeliveryLimit)
        {
            DieAcquired(entry, DeathReason.DeliveryLimit);
        }
        else
        {
            entry.Move(EntryState.Acquired, EntryState.Ready);
            _counters.Requeued++;
            stored?.Mark(entry, entry.FailedDeliveries);
            _ready.Return(entry);
        }
    }

    /// <summary>Settles a message as not processed.</summary>
    /// <param name="entry">The message, acquired.</param>
    internal void Reject(QueueEntry entry) => DieAcquired(entry, DeathReason.Rejected);

    /// <summary>Lets those die at the head whose time is over. The head alone expires, as in RabbitMQ.</summary>
    internal void DropExpired()
    {
        while (_ready.TryPeek(out QueueEntry? head) && head.ExpiresAtMs != QueueEntry.NoExpiry && head.ExpiresAtMs <= clock.NowMs)
        {
            TryTake(out _);
            ExpiredTotal++;
            Die(head, EntryState.Ready, DeathReason.Expired);
        }
    }

    /// <summary>Lets the head die as long as a limit is exceeded, where that is the overflow in force. A head that is on disk is waited for. One that cannot be
    /// read there dies unread, unless it is to be dead-lettered: then it stays, and the limit is exceeded.</summary>
    /// <returns>Whether any died.</returns>
    internal bool DropExcess()
    {
        if (Settings.Overflow != Overflow.DropHead)
        {
            return false;
        }

        bool dropped = false;
        while (_ready.Count > Settings.MaxLength || (_ready.BodyBytes > Settings.MaxLengthBytes && !_ready.IsEmpty))
        {
            if (TryTake(out QueueEntry? head))
            {
                Die(head, EntryState.Ready, DeathReason.MaxLength);
            }
            else if (!TryDropUnread())
            {
                break;
            }

            dropped = true;
        }

        return dropped;
    }

    /// <summary>Takes every ready message out, to be given to <see cref="Discard"/> outside the gate.</summary>
    internal PriorityReadyList Purge()
    {
        PriorityReadyList purged = _ready;
        _ready = new PriorityReadyList(_maxPriority);
        ReadError = null; // what could not be read is not wanted any more
        _counters.Purged += purged.Count;
        return purged;
    }

    /// <summary>Takes every ready message out, because the queue is deleted; what is put back from here on ends.</summary>
    /// <returns>The messages, to be given to <see cref="Discard"/> outside the gate.</returns>
    internal PriorityReadyList Close()
    {
        PriorityReadyList rest = _ready;
        _ready = new PriorityReadyList(_maxPriority);
        _isClosed = true;
        return rest;
    }

    /// <summary>Ends ready messages that no list of the queue holds any more. Called without the gate.</summary>
    /// <param name="entries">The messages.</param>
    internal void Discard(PriorityReadyList entries)
    {
        DiscardAway(entries);
        while (entries.TryTake(out QueueEntry? entry))
        {
            entry.Move(EntryState.Ready, EntryState.Settled);
            End(entry);
        }
    }

    /// <summary>Ends a message whose death was noted, once its way has been found.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="taken">Whether another queue took it.</param>
    internal void EndDead(QueueEntry entry, bool taken)
    {
        End(entry);
        if (taken)
        {
            _counters.DeadLettered++;
        }
        else
        {
            _counters.Dropped++;
        }
    }

    /// <summary>A description with the counts of messages filled in.</summary>
    /// <param name="declaration">What the queue was declared with.</param>
    /// <param name="acknowledgedByConsumers">What the queue's consumers have counted themselves.</param>
    internal QueueDescription Describe(QueueDeclaration declaration, long acknowledgedByConsumers) => new(declaration)
    {
        ReadyCount = _ready.Count,
        ReadyBytes = _ready.BodyBytes,
        AwayCount = _ready.AwayCount,
        AwayBytes = _ready.AwayBytes,
        ReadError = ReadError,
        UnackedCount = _counters.Acquired - _counters.Requeued - _counters.DiedAcquired - _counters.Acknowledged - acknowledgedByConsumers,
        EnqueuedTotal = _counters.Enqueued,
        AckedTotal = _counters.Acknowledged + acknowledgedByConsumers,
        RequeuedTotal = _counters.Requeued,
        DeadLetteredTotal = _counters.DeadLettered,
        DroppedTotal = _counters.Dropped,
        PurgedTotal = _counters.Purged,
        RejectedPublishTotal = _counters.Rejected,
    };

    // The smaller of the queue's time to live and the message's own counts, from now on.
    private void SetExpiry(QueueEntry entry)
    {
        long ttlMs = Settings.TimeToLiveMs(entry.Message);
        if (ttlMs != QueueEntry.NoExpiry)
        {
            entry.ExpiresAtMs = clock.NowMs + ttlMs;
        }
    }

    private void DieAcquired(QueueEntry entry, DeathReason reason)
    {
        _counters.DiedAcquired++;
        Die(entry, EntryState.Acquired, reason);
    }

    private void Die(QueueEntry entry, EntryState from, DeathReason reason)
    {
        entry.Move(from, EntryState.Settled);
        if (Settings.DeadLetters && !_isClosed)
        {
            aftermath.AddDeath(entry, Settings, reason);
        }
        else
        {
            _counters.Dropped++;
            End(entry);
        }
    }

    // The last step of every entry that was held. One that has left the queue within another record is not stored any more.
    private void End(QueueEntry entry)
    {
        memory.Release(entry.MemoryBytes);
        SettleStored(entry);
    }

    private void SettleStored(QueueEntry entry)
    {
        if (stored is null && backlog is null)
        {
            return; // nothing of this queue is ever on disk
        }

        Interlocked.MemoryBarrier(); // whoever moves it or stores it again beside this sees that it is settled, or this sees its new place
        if (!entry.IsStored && stored?.IsPlaced(entry) != true)
        {
            return;
        }

        if (stored is null)
        {
            backlog!.Store.Forget(entry); // its queue is not durable: it was on disk to spare memory only
        }
        else
        {
            stored.Settle(entry);
        }
    }
}
