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
    private readonly IJournal _journal;
    private readonly Durability _durability;
    private readonly Lock _appendGate = new();
    private readonly SegmentLedger _claims;
    private readonly LargeBodies _largeBodies;
    private readonly SettleWriter _settles;
    private readonly PublishConfirmPool _confirms;
    private readonly LostRanges _lost = new();
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
        _claims = new SegmentLedger(journal.Hot);
        _largeBodies = new LargeBodies(_claims);
        _settles = new SettleWriter(journal.Hot, timeProvider, logger);
        _confirms = new PublishConfirmPool(timeProvider);
        ColdBytes = new SegmentLedger(journal.Cold);
        Blocks = new ColdBlocks(ColdBytes, journal.Cold);
        Receipts = new ReceiptStore(journal, ColdBytes, receipts, retention, timeProvider);
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

    /// <summary>Appends a message that queues are about to take.</summary>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="refs">The queues; at least one.</param>
    /// <returns>Its id; 0: the journal has failed.</returns>
    internal ulong Append(string exchange, string routingKey, Message message, ReadOnlySpan<QueueRef> refs)
    {
        StoredBody body = BodyOf(message);
        PublishBody record = new(exchange, routingKey, message.Properties, body, refs, message.Properties.Priority ?? 0);
        lock (_appendGate)
        {
            return Claim_NeedsGate(_journal.Hot.Append((byte)RecordKind.Batch, record), 0, body, refs.Length);
        }
    }

    /// <summary>Appends that a message leaves one place and arrives in others, in one record.</summary>
    /// <param name="source">Where it leaves; it is not stored there any more when this returns.</param>
    /// <param name="exchange">The exchange that it goes to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message as it arrives.</param>
    /// <param name="refs">The queues where it arrives; at least one.</param>
    /// <returns>Its id there; 0: the journal has failed, and the message is still stored where it was.</returns>
    internal ulong AppendTransfer(in StoredSource source, string exchange, string routingKey, Message message, ReadOnlySpan<QueueRef> refs)
    {
        StoredBody body = BodyOf(message);
        int phase = Named.Enter();
        try
        {
            QueuedMessage left = source.Entry!;
            ulong named = left.StoredAt;
            PendingSettles settled = new();
            settled.Settle(left, left.Block);
            BatchBody record = new(
                [.. SettleWriter.ToSettles(source.Queue!.Id, settled)], [], [new BatchMessage(exchange, routingKey, message.Properties, body, refs.ToArray(), message.Properties.Priority ?? 0)]);
            ulong id;
            lock (_appendGate)
            {
                id = Claim_NeedsGate(_journal.Hot.Append((byte)RecordKind.Batch, record), 0, body, refs.Length);
            }

            if (id != 0)
            {
                Leave(source, named);
                _settles.NoteAppended(source.Queue, settled);
            }

            return id;
        }
        finally
        {
            Named.Leave(phase);
        }
    }

    /// <summary>Appends a transaction: all of it counts after a crash, or nothing.</summary>
    /// <param name="messages">The messages that queues are about to take.</param>
    /// <param name="left">What was acknowledged, with the places that it leaves. It is not stored any more when this returns.</param>
    /// <param name="endedAt">The id of the last record of it; 0 if the journal has failed.</param>
    /// <returns>The messages' ids, in order; all 0 if the journal has failed.</returns>
    internal ulong[] AppendTransaction(BatchMessage[] messages, IReadOnlyList<StoredSource> left, out ulong endedAt)
    {
        int phase = Named.Enter();
        try
        {
            return AppendNamed(messages, left, out endedAt);
        }
        finally
        {
            Named.Leave(phase);
        }
    }

    private ulong[] AppendNamed(BatchMessage[] messages, IReadOnlyList<StoredSource> left, out ulong endedAt)
    {
        endedAt = 0;
        ulong[] ids = new ulong[messages.Length];
        List<Range> parts = TransactionParts.Cut(messages, _journal.Hot.MaxRecordBytes);
        ulong[] named = [.. left.Select(static source => source.Entry!.StoredAt)];
        Dictionary<StoredQueue, PendingSettles> settled = SettlesOf(left);
        Settle[][] settles = [.. settled.SelectMany(static queue => SettleWriter.ToSettles(queue.Key.Id, queue.Value)).Chunk(TransactionParts.MostSettles)];
        bool isWhole = true;
        lock (_appendGate)
        {
            ulong transaction = parts.Count + settles.Length == 1 ? 0 : NextTransaction();
            foreach (Settle[] some in settles)
            {
                isWhole &= IsAppended(_journal.Hot.Append((byte)RecordKind.Batch, new BatchBody(some, [], [], transaction)), ref endedAt);
            }

            foreach (Range part in parts)
            {
                (int first, int count) = part.GetOffsetAndLength(messages.Length);
                long address = _journal.Hot.Append((byte)RecordKind.Batch, new BatchBody([], [], messages.AsSpan(part), transaction));
                for (int index = 0; index < count; index++)
                {
                    ids[first + index] = Claim_NeedsGate(address, index, messages[first + index].Body, messages[first + index].Refs.Length);
                }

                isWhole &= IsAppended(address, ref endedAt);
            }

            isWhole &= transaction == 0 || IsAppended(_journal.Hot.Append((byte)RecordKind.TransactionEnd, new TransactionEnd(transaction)), ref endedAt);
        }

        if (isWhole)
        {
            for (int i = 0; i < left.Count; i++)
            {
                Leave(left[i], named[i]);
            }

            foreach ((StoredQueue queue, PendingSettles pending) in settled)
            {
                _settles.NoteAppended(queue, pending);
            }
        }
        else
        {
            endedAt = 0;
        }

        return ids;
    }

    /// <summary>Appends a message that its queue has already: one that is to leave memory only, and that no restart brings back; or one that is to be
    /// stored and is not in the journal.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="queue">Its queue, and how long it may stay there from now on.</param>
    /// <returns>Its id; 0: the journal has failed.</returns>
    internal ulong AppendAgain(QueuedMessage entry, QueueRef queue)
    {
        RecordKind kind = queue.QueueId != 0 && entry.Message.Properties.IsPersistent ? RecordKind.Batch : RecordKind.Spill;
        StoredBody body = BodyOf(entry.Message);
        PublishBody record = new(entry.Exchange, entry.RoutingKey, entry.Message.Properties, body, [queue], entry.Message.Properties.Priority ?? 0);
        lock (_appendGate)
        {
            return Claim_NeedsGate(_journal.Hot.Append((byte)kind, record), 0, body, 1);
        }
    }

    /// <summary>Whether a message can be read back: its record is with the operating system.</summary>
    /// <param name="storedAt">Its id.</param>
    internal bool IsWritten(ulong storedAt)
    {
        if (new StoredId(storedAt).Address < _journal.Hot.WrittenUntil)
        {
            return !IsLost(storedAt); // asked after that: what a failure takes is known to be lost before the log goes on behind it
        }

        _settles.RequestWrite();
        return false;
    }

    /// <summary>Whether the record of a message went with a failure of the disk.</summary>
    /// <param name="storedAt">Its id.</param>
    internal bool IsLost(ulong storedAt)
    {
        long address = new StoredId(storedAt).Address;
        return _lost.Contains(address) || (_journal.Hot.LostFrom is var from and not JournalAddress.None && address >= from && address < _journal.Hot.ResumedAt);
    }

    /// <summary>Appends a change of names, bindings or policies. Called under the gate that orders such changes.</summary>
    /// <param name="item">The change.</param>
    internal void Append(TopologyItem item)
    {
        if (IsDurable)
        {
            _journal.Hot.Append((byte)RecordKind.Topology, new TopologyBody(item));
            Interlocked.Increment(ref _topologyVersion);
        }
    }

    /// <summary>Prepares a message for a transaction: a large body is appended already.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="refs">The queues.</param>
    internal BatchMessage Prepare(string exchange, string routingKey, Message message, QueueRef[] refs)
        => new(exchange, routingKey, message.Properties, BodyOf(message), refs, message.Properties.Priority ?? 0);

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

    /// <summary>Gives a message that was appended once more its new place in the journal, and gives up a claim: on the old place, or, if it has been
    /// settled there beside this, on the new one.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="id">Its new id.</param>
    /// <returns>Whether it has moved.</returns>
    /// <remarks>While mending only.</remarks>
    internal bool TryMove(QueueEntry entry, ulong id)
    {
        ulong unused = id;
        lock (_placeGate)
        {
            if (entry.State != EntryState.Settled && !entry.HasLeft)
            {
                unused = entry.StoredAt;
                entry.StoredAt = id;
            }
        }

        if (unused != 0)
        {
            Release(unused);
        }

        return unused != id;
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
            foreach (SegmentInfo segment in _journal.Hot.Segments)
            {
                if (_claims.LiveIn(segment.Id) > 0 || Receipts.Needs(segment.Id))
                {
                    return Math.Max(segment.Begin, _journal.Hot.BeginAddress);
                }
            }

            return _journal.Hot.TailAddress;
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

    /// <summary>After a failure of the disk, once messages are stored again: writes what was noted and may have gone with it once more.</summary>
    internal void WriteNotesAgain() => _settles.WriteAgain();

    /// <summary>Notes that the disk has failed: publishers of what is to be stored wait until <see cref="EndMending"/>, and notes are kept until
    /// <see cref="WriteNotesAgain"/>.</summary>
    internal void BeginMending()
    {
        _isMending = true;
        _settles.Suspend();
    }

    /// <summary>Notes that the disk has failed, as <see cref="BeginMending"/> does. Those who wait for it know what became of their records only after
    /// <see cref="NoteLost"/>.</summary>
    internal void NoteFailure()
    {
        BeginMending();
        BeginDoubt();
    }

    /// <summary>Notes what went with the disk, after the journal was opened anew.</summary>
    internal void NoteLost()
    {
        _lost.Add(_journal.Hot.LostFrom, _journal.Hot.ResumedAt);
        EndDoubt();
    }

    /// <summary>Notes that everything in memory that is to be stored is stored again, and that a checkpoint says so.</summary>
    internal void EndMending() => _isMending = false;

    /// <summary>How long the last commit took that was looked at: every so many publishes one is.</summary>
    internal TimeSpan LastCommitDuration => _confirms.LastDuration;

    /// <summary>What a confirm waits for unless the publish says otherwise.</summary>
    internal Durability Durability => _durability;

    /// <summary>Writes everything, says that the stop was in order, and closes the journal.</summary>
    public async ValueTask DisposeAsync()
    {
        _known.TrySetResult(false);
        await _settles.DisposeAsync().ConfigureAwait(false);
        if (_journal.State is JournalState.Open or JournalState.LowSpace)
        {
            _journal.MarkCleanStop();
        }

        await _journal.DisposeAsync().ConfigureAwait(false);
        Receipts.Dispose();
    }

    // What they leave, by queue.
    private static Dictionary<StoredQueue, PendingSettles> SettlesOf(IReadOnlyList<StoredSource> left)
    {
        Dictionary<StoredQueue, PendingSettles> byQueue = [];
        for (int i = 0; i < left.Count; i++)
        {
            if (!byQueue.TryGetValue(left[i].Queue!, out PendingSettles? pending))
            {
                byQueue.Add(left[i].Queue!, pending = new PendingSettles());
            }

            pending.Settle(left[i].Entry!, left[i].Entry!.Block);
        }

        return byQueue;
    }

    private static bool IsAppended(long address, ref ulong endedAt)
    {
        endedAt = address == JournalAddress.None ? endedAt : new StoredId(address, 0).Value;
        return address != JournalAddress.None;
    }

    // Where the message was stored again while the record was made that names its old place, its new place must be told too. Where it moved, the next
    // checkpoint says that it is settled: see NamedPlaces.
    private void Leave(in StoredSource source, ulong named)
    {
        QueuedMessage left = source.Entry!;
        left.HasLeft = true; // before its block is read: see QueueEntry.MoveToBlock
        if (Release(left) is null && left.StoredAt != named)
        {
            source.Queue!.Settle([left.StoredAt]);
            _settles.Drain();
        }
    }

    // Whoever asks has said before that the message is settled, or has left: see TryMove.
    private ulong PlaceOf(QueuedMessage entry)
    {
        if (!_isMending)
        {
            return entry.StoredAt;
        }

        lock (_placeGate)
        {
            return entry.StoredAt;
        }
    }

    // An address is never used twice, and so is a transaction's id, in this opening or a later one: parts of one that never ended stay alone.
    private ulong NextTransaction() => (ulong)_journal.Hot.TailAddress;

    private ulong Claim_NeedsGate(long address, int index, in StoredBody body, int count)
    {
        if (address == JournalAddress.None || count == 0)
        {
            return 0;
        }

        ulong id = new StoredId(address, index).Value;
        _claims.Add(address, count);
        if (body.IsChunked)
        {
            _largeBodies.Add(id, body.ChunkAddresses.Span[0], count);
        }

        return id;
    }

    // The pieces come before the record that names them: a record whose pieces are missing cannot be. They are safe from release because the
    // segment of the first one is claimed with the message, and segments are released from the front.
    private StoredBody BodyOf(Message message)
        => !IsDurable || message.Body.Length <= BodyPieces.MaxBytes(_journal.Hot) ? StoredBody.Inline(message.Body) : BodyPieces.Append(_journal.Hot, message.Body);

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
