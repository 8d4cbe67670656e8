using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <content>What is appended: messages, transfers, transactions, changes of names.</content>
internal sealed partial class MessageStore
{
    /// <summary>Appends a message that queues are about to take.</summary>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="refs">The queues; at least one.</param>
    /// <returns>Its id; 0: the journal has failed.</returns>
    internal ulong Append(string exchange, string routingKey, Message message, ReadOnlySpan<QueueRef> refs)
    {
        using SegmentHold hold = StoreBody(message.Body, out StoredBody body);
        PublishBody record = new(exchange, routingKey, message.Properties, body, refs, message.Properties.Priority ?? 0);
        lock (_appendGate)
        {
            return IsThere(body) ? Claim_NeedsGate(_journal.Hot.Append((byte)RecordKind.Batch, record), 0, body, refs.Length) : 0;
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
        using SegmentHold hold = StoreBody(message.Body, out StoredBody body);
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
                id = IsThere(body) ? Claim_NeedsGate(_journal.Hot.Append((byte)RecordKind.Batch, record), 0, body, refs.Length) : 0;
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
    /// <param name="messages">The messages that queues are about to take, with their bodies; large ones are put in pieces here.</param>
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

    /// <summary>Appends a message that its queue has already: one that is to leave memory only, and that no restart brings back; or one that is to be
    /// stored and is not in the journal.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="queue">Its queue, and how long it may stay there from now on.</param>
    /// <returns>Its id; 0: the journal has failed.</returns>
    internal ulong AppendAgain(QueuedMessage entry, QueueRef queue)
    {
        RecordKind kind = queue.QueueId != 0 && entry.Message.Properties.IsPersistent ? RecordKind.Batch : RecordKind.Spill;
        using SegmentHold hold = StoreBody(entry.Message.Body, out StoredBody body);
        PublishBody record = new(entry.Exchange, entry.RoutingKey, entry.Message.Properties, body, [queue], entry.Message.Properties.Priority ?? 0);
        lock (_appendGate)
        {
            return IsThere(body) ? Claim_NeedsGate(_journal.Hot.Append((byte)kind, record), 0, body, 1) : 0;
        }
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

    private ulong[] AppendNamed(BatchMessage[] messages, IReadOnlyList<StoredSource> left, out ulong endedAt)
    {
        endedAt = 0;
        ulong[] ids = new ulong[messages.Length];
        using SegmentHold hold = StoreBodies(messages);
        List<Range> parts = TransactionParts.Cut(messages, _journal.Hot.MaxRecordBytes);
        ulong[] named = [.. left.Select(static source => source.Entry!.StoredAt)];
        Dictionary<StoredQueue, PendingSettles> settled = SettlesOf(left);
        Settle[][] settles = [.. settled.SelectMany(static queue => SettleWriter.ToSettles(queue.Key.Id, queue.Value)).Chunk(TransactionParts.MostSettles)];
        bool isWhole = true;
        lock (_appendGate)
        {
            if (!AreThere(messages))
            {
                return ids;
            }

            long resumedAt = _journal.Hot.ResumedAt;
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

            isWhole = isWhole && IsEnded_NeedsGate(transaction, resumedAt, ref endedAt);
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
            AbandonCommit(messages, ids); // in memory they are as if the journal had taken none
            Array.Clear(ids);
            endedAt = 0;
        }

        return ids;
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

    // Where the log has failed among the records, and is open again, the end must not be there: those that it had before may be, and would count with it.
    private bool IsEnded_NeedsGate(ulong transaction, long resumedAt, ref ulong endedAt)
        => _journal.Hot.ResumedAt == resumedAt
            && (transaction == 0 || IsAppended(_journal.Hot.Append((byte)RecordKind.TransactionEnd, new TransactionEnd(transaction)), ref endedAt))
            && _journal.Hot.ResumedAt == resumedAt;

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
        source.Queue!.ForgetExpiry(named);
        if (Release(left) is null && left.StoredAt != named)
        {
            source.Queue!.Settle([left.StoredAt]);
            _settles.Drain();
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

    private SegmentHold StoreBodies(BatchMessage[] messages)
    {
        SegmentHold first = default;
        for (int i = 0; i < messages.Length; i++)
        {
            SegmentHold hold = StoreBody(messages[i].Body.Bytes, out StoredBody body);
            messages[i] = messages[i] with { Body = body };
            if (first.IsHeld)
            {
                hold.Dispose(); // what is held from an earlier address on is held from this one on
            }
            else
            {
                first = hold;
            }
        }

        return first;
    }

    // The pieces come before the record that names them: a record whose pieces are missing cannot be. Segments are released from the front, and the first
    // piece's is held until the record has its claims: a checkpoint in between would release the pieces.
    private SegmentHold StoreBody(ReadOnlyMemory<byte> bytes, out StoredBody body)
    {
        if (!IsDurable || bytes.Length <= BodyPieces.MaxBytes(_journal.Hot))
        {
            body = StoredBody.Inline(bytes);
            return default;
        }

        SegmentHold hold;
        lock (_appendGate)
        {
            hold = new SegmentHold(_claims, _journal.Hot.TailAddress);
        }

        body = BodyPieces.Append(_journal.Hot, bytes);
        return hold;
    }

    // Pieces that the log took before it failed may have gone with it, and the record come when it is open again.
    private bool IsThere(in StoredBody body)
        => !body.IsChunked || (!body.ChunkAddresses.Span.Contains(JournalAddress.None) && body.ChunkAddresses.Span[0] >= _journal.Hot.ResumedAt);

    private bool AreThere(ReadOnlySpan<BatchMessage> messages)
    {
        foreach (ref readonly BatchMessage message in messages)
        {
            if (!IsThere(message.Body))
            {
                return false;
            }
        }

        return true;
    }
}
