using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;
using Microsoft.Extensions.Logging;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.Storage;

/// <summary>What a broker keeps beyond its memory: it turns what happens to messages and names into records of the journal, and counts what is alive.</summary>
/// <remarks>
/// <para>Thread-safe. Its gates are leaves of the lock order: the append gate comes under a publish gate or a topology gate, and takes the
/// journal's own. Appending is to memory; it waits for the disk only while the journal's whole memory is full.</para>
/// <para>A message is appended before its queues have it, so that its id is its place in the order of everything. Whatever ends a message is
/// noted (<see cref="StoredQueue"/>) and written a moment later by <see cref="SettleWriter"/>; what ends it here and begins it elsewhere, a dead
/// letter or a transaction, is one record.</para>
/// <para>With a journal that keeps nothing the same calls do nothing: the broker in memory is this broker.</para>
/// </remarks>
internal sealed partial class MessageStore : IAsyncDisposable
{
    private const int ShareOfRefs = 8; // of a record; see BrokerLimits.MostStoredHeaderBytes

    private readonly IJournal _journal;
    private readonly Durability _durability;
    private readonly Lock _appendGate = new();
    private readonly SegmentLedger _claims;
    private readonly LargeBodies _largeBodies;
    private readonly SettleWriter _settles;
    private readonly PublishConfirmPool _confirms;
    private readonly LostRanges _lost = new(); // of the hot log: what was appended there is in memory only
    private readonly LostRanges _lostCold = new();
    private readonly UnsyncedReceipts _unsynced;
    private readonly Lock _placeGate = new(); // while mending: who replaces a place in the journal, and who settles the message there
    private volatile bool _isMending;
    private int _isWaitingForRoom;
    private int _lastQueueId;
    private long _topologyVersion;

    /// <summary>Makes a store on an open journal.</summary>
    /// <param name="journal">The journal; the store disposes it.</param>
    /// <param name="durability">What a confirm waits for unless the publish says otherwise.</param>
    /// <param name="timeProvider">When notes are written that nobody waits for.</param>
    /// <param name="logger">The broker's log.</param>
    /// <param name="retention">How long receipts are kept.</param>
    /// <param name="receipts">Finds receipts; empty, and disposed with the store.</param>
    internal MessageStore(IJournal journal, Durability durability, TimeProvider timeProvider, ILogger logger, ReceiptRetention retention, IReceiptIndex receipts)
    {
        _journal = journal;
        _durability = durability;
        MostRefs = Math.Max(1, journal.Hot.MaxRecordBytes / ShareOfRefs / QueueRef.MaxBytes);
        _claims = new SegmentLedger(journal.Hot);
        _largeBodies = new LargeBodies(_claims);
        _settles = new SettleWriter(journal.Hot, timeProvider, logger);
        _confirms = new PublishConfirmPool(timeProvider);
        ColdBytes = new SegmentLedger(journal.Cold);
        Blocks = new ColdBlocks(ColdBytes, journal.Cold);
        Receipts = new ReceiptStore(journal, ColdBytes, receipts, retention, timeProvider);
        _unsynced = new UnsyncedReceipts(journal.Hot);
    }

    /// <summary>Who is about to settle messages that a record says to have left their places.</summary>
    internal NamedPlaces Named { get; } = new();

    /// <summary>Beyond which length of the journal publishers wait.</summary>
    internal JournalLimit Limit { get; } = new();

    /// <summary>Called when publishers that had to wait can go on. Set once, before anybody publishes; called outside all gates.</summary>
    internal Action RoomAgain { get; set; } = static () => { };

    /// <summary>Whether anything is kept at all.</summary>
    internal bool IsDurable => _journal.IsDurable;

    /// <summary>The journal.</summary>
    internal IJournal Journal => _journal;

    /// <summary>Bytes of blocks, by cold segment.</summary>
    internal SegmentLedger ColdBytes { get; }

    /// <summary>The blocks of the cold log.</summary>
    internal ColdBlocks Blocks { get; }

    /// <summary>Claims of queues on messages, by hot segment.</summary>
    internal SegmentLedger Claims => _claims;

    /// <summary>How many queues a record of a message may name: with any more, and the longest of messages, it might be too long.</summary>
    internal int MostRefs { get; }

    /// <summary>Grows with each change of names, bindings and policies that was appended.</summary>
    internal long TopologyVersion => Volatile.Read(ref _topologyVersion);

    /// <summary>The highest id of a queue that was given out.</summary>
    internal uint LastQueueId => (uint)Volatile.Read(ref _lastQueueId);

    /// <summary>Whether a publisher of something that is to be stored must wait: for commits under way, for space, for a shorter journal, or for the end
    /// of a failure.</summary>
    internal bool MustWait
    {
        get
        {
            if (!IsDurable)
            {
                return false;
            }

            bool hasRoom = _journal.Hot.HasRoom;
            if (hasRoom && _journal.State == JournalState.Open && !_isMending && !Limit.IsExceededBy(_journal.Hot.TailAddress))
            {
                return false;
            }

            if (!hasRoom)
            {
                NoteWaiting(); // all else is told by whoever brings it about
            }

            return true;
        }
    }

    /// <summary>Whether somebody who brings more than he takes away must wait although the store is well: for commits under way, or for a shorter journal.</summary>
    internal bool IsFull => IsDurable && _journal.State == JournalState.Open && !_isMending && MustWait;

    /// <summary>Gives a durable queue or exchange its place in the store.</summary>
    /// <returns>It, or <see langword="null"/> when nothing is kept.</returns>
    internal StoredQueue? TryAddQueue() => IsDurable ? new StoredQueue((uint)Interlocked.Increment(ref _lastQueueId), this) : null;

    /// <summary>Takes up a queue that a restart brings back.</summary>
    /// <param name="id">Its id.</param>
    internal StoredQueue RestoreQueue(uint id) => new(id, this);

    /// <summary>Takes up where the ids of queues were left.</summary>
    /// <param name="lastQueueId">The highest that was given out.</param>
    internal void RestoreLastQueueId(uint lastQueueId) => Volatile.Write(ref _lastQueueId, (int)lastQueueId);

    /// <summary>Takes up a claim that a restart brings back.</summary>
    /// <param name="id">The message.</param>
    /// <param name="firstChunk">The address of the first piece of its body; 0: the record holds it.</param>
    internal void RestoreClaim(StoredId id, long firstChunk)
    {
        _claims.Add(id.Address, 1);
        if (firstChunk != 0)
        {
            _largeBodies.Add(id.Value, firstChunk, 1);
        }
    }

    /// <summary>Confirms a publish once everything appended so far is safe.</summary>
    /// <param name="sequenceNumber">Its publish sequence number.</param>
    /// <param name="storedAt">Its id; 0: the journal could not take it.</param>
    /// <param name="flags">How safe, if the publish says so.</param>
    internal ValueTask<PublishResult> ConfirmAsync(ulong sequenceNumber, ulong storedAt, PublishFlags flags)
    {
        if (storedAt == 0)
        {
            return new ValueTask<PublishResult>(new PublishResult(PublishOutcome.Rejected, sequenceNumber, RejectReason.StorageFailed));
        }

        Durability durability = DurabilityOf(flags);
        return durability == Durability.Memory && _journal.State != JournalState.Failed
            ? new ValueTask<PublishResult>(new PublishResult(PublishOutcome.Confirmed, sequenceNumber))
            : _confirms.Rent().Start(this, sequenceNumber, storedAt, durability);
    }

    /// <summary>Tells when a message is safe, or that it will not be.</summary>
    /// <param name="storedAt">Its id; 0: the journal could not take it.</param>
    /// <param name="flags">How safe, if the publish says so.</param>
    /// <param name="answer">Told once, on the journal's thread.</param>
    internal void WhenCommitted(ulong storedAt, PublishFlags flags, Action<RejectReason> answer)
        => _journal.Hot.WhenCommitted(new PendingCommit(this, storedAt, DurabilityOf(flags), answer));

    /// <summary>Waits until everything that has happened so far is as safe as the broker promises.</summary>
    /// <param name="cancellationToken">Stops the waiting only.</param>
    /// <exception cref="JournalException">It will not be: the disk is full or failed.</exception>
    internal async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_durability == Durability.Memory)
        {
            return;
        }

        await _journal.Hot.FlushAsync(_durability, cancellationToken).ConfigureAwait(false);
        if (_isMending)
        {
            throw NotKept(); // names may have gone with the disk; they are safe again with the checkpoint that ends this
        }
    }

    /// <summary>Whether what was appended is still there: a failure of the disk may have taken it, and be over by now.</summary>
    /// <param name="storedAt">Its id; 0: the journal could not take it.</param>
    internal bool IsKept(ulong storedAt) => storedAt != 0 && !IsLost(storedAt);

    /// <summary>What is thrown when something that was to be stored is not.</summary>
    internal JournalException NotKept() => _journal.Failure ?? MqErrors.StorageNotOpen();

    /// <summary>Notes that a queue has something to be written.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="before">How many notes it had.</param>
    /// <param name="count">How many it has now.</param>
    internal void NotePending(StoredQueue queue, int before, int count) => _settles.Note(queue, before, count);

    /// <summary>Notes that somebody begins to receive from a queue.</summary>
    /// <param name="queue">The queue.</param>
    internal void NoteTouched(StoredQueue queue) => Append(new QueueTouched(queue.Id));

    /// <summary>Gives up the claim of a queue on a message that it has settled.</summary>
    /// <param name="entry">The message; whoever evacuates it beside this sees that it is settled, or this sees the block.</param>
    /// <returns>The block that it was settled in; <see langword="null"/>: it was settled in the journal.</returns>
    internal StoredBlock? Release(QueuedMessage entry)
    {
        Interlocked.MemoryBarrier(); // the entry says that it is settled before its block is read: see QueueEntry.MoveToBlock
        if (entry.Block is { } block && block.Settle(entry.BlockIndex, entry.Message.CountedBytes) != -1)
        {
            Blocks.NoteSettled(block);
            return block;
        }

        Release(PlaceOf(entry));
        return null;
    }

    /// <summary>Gives up the claim of a queue on a message in the journal.</summary>
    /// <param name="storedAt">Its id.</param>
    internal void Release(ulong storedAt)
    {
        _claims.Release(new StoredId(storedAt).Address, 1);
        _largeBodies.Release(storedAt);
    }

    /// <summary>The numbers that must not be given again.</summary>
    internal TopologyItem DescribeIds() => new NextQueueId(LastQueueId + 1);

    /// <summary>The lowest address of the hot log that anything alive needs: the begin of the first segment with a claim, or the tail.</summary>
    internal long FirstNeededAddress()
    {
        lock (_appendGate) // no message is between its append and its claims
        {
            // Of the segments in memory too, whose files are not made yet: what is in them may be confirmed in a moment.
            IAppendLog hot = _journal.Hot;
            long begin = hot.BeginAddress;
            long tail = hot.TailAddress;
            for (long segment = hot.SegmentOf(begin); segment <= hot.SegmentOf(tail); segment++)
            {
                if (_claims.LiveIn(segment) > 0 || Receipts.Needs(segment))
                {
                    return Math.Max(segment * hot.SegmentBytes, begin);
                }
            }

            return tail;
        }
    }

    /// <summary>Sees to it that what was appended leaves this process, also where nobody waits for that.</summary>
    internal void RequestWrite()
    {
        if (_journal.Hot.UncommittedBytes > 0)
        {
            _settles.RequestWrite();
        }
    }

    /// <summary>Writes what was only noted so far.</summary>
    internal void WriteNotes() => _settles.Drain();

    /// <summary>How long the last commit took that was looked at: every so many publishes one is.</summary>
    internal TimeSpan LastCommitDuration => _confirms.LastDuration;

    /// <summary>What a confirm waits for unless the publish says otherwise.</summary>
    internal Durability Durability => _durability;

    /// <summary>Writes everything, says that the stop was in order, unless the store is being mended, and closes the journal.</summary>
    public ValueTask DisposeAsync()
    {
        if (_journal.State is JournalState.Open or JournalState.LowSpace && !_isMending)
        {
            _journal.MarkCleanStop();
        }

        return AbandonAsync();
    }

    /// <summary>Closes the journal without saying that the stop was in order: the broker has not started.</summary>
    internal async ValueTask AbandonAsync()
    {
        GiveUpKnowing();
        await _settles.DisposeAsync().ConfigureAwait(false);
        await _journal.DisposeAsync().ConfigureAwait(false);
        Receipts.Dispose();
    }

    private Durability DurabilityOf(PublishFlags flags)
        => (flags & PublishFlags.ConfirmSynced) != 0 ? Durability.Synced
            : (flags & PublishFlags.ConfirmOsBuffered) != 0 ? Durability.OsBuffered
            : (flags & PublishFlags.ConfirmInMemory) != 0 ? Durability.Memory
            : _durability;

    // One task for all who wait: it tells them when there is room again.
    private void NoteWaiting()
    {
        if (_journal.State == JournalState.Open && Interlocked.Exchange(ref _isWaitingForRoom, 1) == 0)
        {
            _ = TellOfRoomAsync();
        }
    }

    private async Task TellOfRoomAsync()
    {
        try
        {
            await _journal.Hot.WaitForRoomAsync().ConfigureAwait(false);
        }
        catch (JournalException)
        {
            return; // whoever brings the journal back lets them go on
        }
        finally
        {
            Volatile.Write(ref _isWaitingForRoom, 0);
        }

        RoomAgain();
    }
}
