using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage.Recovery;

/// <summary>Reads a journal from its last checkpoint on and finds out what was there when it ended.</summary>
/// <remarks>
/// <para>First the checkpoint: names, blocks, and what of them was settled. Then the hot log from its begin: of messages every record counts,
/// of names only what is behind the checkpoint, which shows all that was before.</para>
/// <para>A message whose record was released is unknown, and so is settled; a settle never comes before its message.</para>
/// </remarks>
/// <param name="journal">The journal, just opened.</param>
/// <param name="receipts">Takes the receipts that are found.</param>
/// <param name="mayDrop">Whether what cannot be read is left out, and noted in <see cref="Dropped"/>. The cold log is not looked through when it is opened, so
/// the journal may know of no damage.</param>
internal sealed class StoreReplay(IJournal journal, ReceiptStore receipts, bool mayDrop)
{
    private readonly RecoveredStore _store = new();
    private readonly bool _isSalvage = journal.Recovery.Damage.Count > 0;
    private readonly HashSet<long> _pieces = []; // of a salvaged store: the pieces of bodies that are there
    private readonly List<(uint QueueId, ulong Id)> _bodiless = []; // of a salvaged store: messages of whose bodies pieces are not there
    private bool _hasCheckpoint;
    private readonly Dictionary<ulong, List<(long Address, byte[] Body)>> _openTransactions = [];

    /// <summary>What was left out, in words.</summary>
    internal List<string> Dropped { get; } = [];

    /// <summary>Replays.</summary>
    /// <returns>What was found.</returns>
    /// <exception cref="JournalException">A record is damaged, or is not what a broker writes.</exception>
    internal RecoveredStore Run()
    {
        CheckpointPoint checkpoint = journal.Checkpoint;
        _store.EndId = new StoredId(journal.Hot.TailAddress, 0).Value;
        _hasCheckpoint = checkpoint.Address != JournalAddress.None && TryReadCheckpoint(checkpoint.Address);
        if (checkpoint.Address != JournalAddress.None && !_hasCheckpoint && !_isSalvage)
        {
            throw MqErrors.CheckpointIncomplete(checkpoint.Address);
        }

        RestoreReceiptBlocks();
        using IRecordReader reader = journal.Hot.ReadForward(checkpoint.HotBegin, journal.Recovery.HotEnd);
        while (reader.TryRead(out RecordView record))
        {
            try
            {
                Replay(record, checkpoint.Address);
            }
            catch (RecordFormatException error)
            {
                throw MqErrors.RecordNotUnderstood(record.Address, record.Kind, error);
            }
        }

        if (mayDrop)
        {
            DropUnreadableBlocks();
        }

        SettleWhatIsInBlocks(checkpoint.HotBegin);
        if (_isSalvage)
        {
            DropBodiless();
            _store.NameNamelessQueues();
            ListUnfinishedTransactions();
            if (!_hasCheckpoint)
            {
                ListUnnamedBlocks();
            }
        }

        return _store;
    }

    // The blocks hold what was in the journal before what is there now: it must come to be known first.
    private void RestoreReceiptBlocks()
    {
        foreach (TopologyItem.ReceiptBlockKept block in _store.ReceiptBlocks)
        {
            try
            {
                receipts.Restore(block);
            }
            catch (JournalException error) when (mayDrop)
            {
                // Its messages count as not dealt with, which is what a damaged store can promise.
                Dropped.Add($"Receipts of messages that were processed: {error.Message}");
            }
        }
    }

    // What was moved into a block may have its record in the journal still: then it is there twice, and the block counts.
    private void SettleWhatIsInBlocks(long hotBegin)
    {
        foreach (RecoveredBlock block in _store.Blocks.Where(block => block.Descriptor.Last.Address >= hotBegin))
        {
            StoredRecord record = journal.Cold.Read(block.Block.Address);
            try
            {
                RecoveredQueue queue = _store.QueueOf(block.Block.QueueId);
                ulong[] inJournal = new ulong[block.Block.Count];
                bool isThereToo = false;
                foreach (BlockMessageView message in new QueueBlockReader(record.Body.Span))
                {
                    // What the block calls settled may have stayed in the journal: that says itself whether it is alive.
                    ulong id = message.Entry.Id.Value;
                    if (!block.Block.IsSettled(message.Index) && queue.Settle(id))
                    {
                        inJournal[message.Index] = id;
                        isThereToo = true;
                    }
                }

                // The journal does not say so yet, and must before the message is settled in the block alone.
                block.Block.JournalIds = isThereToo ? inJournal : null;
            }
            catch (RecordFormatException error)
            {
                throw MqErrors.RecordNotUnderstood(block.Block.Address, record.Kind, error);
            }
        }
    }

    // Of a salvaged store: what cannot be read is gone, for a queue would wait for it for ever; and what is in two blocks, because the pieces of
    // several checkpoints tell of an older one that it has left, is in the newer one.
    private void DropUnreadableBlocks()
    {
        HashSet<(uint QueueId, ulong Id)> found = [];
        foreach (RecoveredBlock block in _store.Blocks.OrderByDescending(static block => block.Block.Address).ToList())
        {
            try
            {
                QueueBlockReader reader = new(journal.Cold.Read(block.Block.Address).Body.Span);
                for (int index = 0; index < block.Block.Count; index++)
                {
                    if (!block.Block.IsSettled(index) && !_hasCheckpoint && !found.Add((block.Block.QueueId, reader[index].Entry.Id.Value)))
                    {
                        block.Block.Settle(index);
                    }

                    foreach (long piece in reader[index].Chunks)
                    {
                        if (!block.Block.IsSettled(index) && !CanRead(piece, out string? reason))
                        {
                            Dropped.Add($"1 message of queue '{_store.NameOf(block.Block.QueueId)}': {reason}");
                            block.Block.Settle(index);
                        }
                    }
                }
            }
            catch (Exception error) when (error is JournalException or RecordFormatException)
            {
                Dropped.Add($"{block.Block.LiveCount} messages of queue '{_store.NameOf(block.Block.QueueId)}': {error.Message}");
                _store.Remove(block);
            }
        }
    }

    // Not before all is read: what was settled later is no loss.
    private void DropBodiless()
    {
        foreach (IGrouping<uint, (uint QueueId, ulong Id)> queue in _bodiless.GroupBy(static message => message.QueueId))
        {
            int count = queue.Count(message => _store.QueueOf(message.QueueId).Settle(message.Id));
            if (count > 0)
            {
                Dropped.Add($"{count} messages of queue '{_store.NameOf(queue.Key)}': pieces of their bodies are damaged or missing");
            }
        }
    }

    // Nobody knows any more whether they ended. Those that did not were never confirmed.
    private void ListUnfinishedTransactions()
    {
        foreach (List<(long Address, byte[] Body)> parts in _openTransactions.Values)
        {
            Dictionary<uint, int> messages = [];
            int acknowledgements = 0;
            foreach ((_, byte[] body) in parts)
            {
                BatchReader batch = new(body);
                foreach (MessageView message in batch.Messages)
                {
                    foreach (QueueRef queue in message.Refs)
                    {
                        messages[queue.QueueId] = messages.GetValueOrDefault(queue.QueueId) + 1;
                    }
                }

                foreach (SettleView settle in batch.Settles)
                {
                    acknowledgements += Count(settle);
                }
            }

            string ofQueues = string.Concat(messages.Select(queue => $", {queue.Value} messages of queue '{_store.NameOf(queue.Key)}'"));
            Dropped.Add($"A transaction whose end is damaged or missing, if there was one: {acknowledgements} acknowledgements{ofQueues}");
        }
    }

    // Of a store without a checkpoint: the piece may be damaged that told of a block. But it may as well have been consumed, or be what was left of one that
    // moved, and so it is not brought back.
    private void ListUnnamedBlocks()
    {
        HashSet<(uint QueueId, ulong Id)> named = [];
        HashSet<(uint QueueId, ulong Id)> unnamed = [];
        HashSet<long> receiptBlocks = [.. _store.ReceiptBlocks.Select(static block => block.Address)];
        int unnamedReceipts = 0;
        using IRecordReader reader = journal.Cold.ReadForward(journal.Cold.BeginAddress, journal.Cold.WrittenUntil);
        while (reader.TryRead(out RecordView record))
        {
            try
            {
                if ((RecordKind)record.Kind == RecordKind.QueueBlock)
                {
                    AddIds(new QueueBlockReader(record.Body.Span), _store.FindBlock(record.Address) is null ? unnamed : named);
                }
                else if ((RecordKind)record.Kind == RecordKind.ReceiptBlock && !receiptBlocks.Contains(record.Address))
                {
                    unnamedReceipts += ReceiptBlock.Read(record.Body.Span).Length;
                }
            }
            catch (RecordFormatException error)
            {
                Dropped.Add(MqErrors.RecordNotUnderstood(record.Address, record.Kind, error).Message);
            }
        }

        unnamed.ExceptWith(named); // what the journal calls settled may be so because it moved into such a block
        unnamed.RemoveWhere(message => _store.IsDeleted(message.QueueId) || _store.QueueOf(message.QueueId).IsLive(message.Id));
        foreach (IGrouping<uint, (uint QueueId, ulong Id)> queue in unnamed.GroupBy(static message => message.QueueId))
        {
            Dropped.Add($"{queue.Count()} messages of queue '{_store.NameOf(queue.Key)}', which may have been consumed: nothing that is left tells of their blocks");
        }

        if (unnamedReceipts > 0)
        {
            Dropped.Add($"{unnamedReceipts} receipts of messages that were processed, which may be too old: nothing that is left tells of their blocks");
        }
    }

    private static void AddIds(in QueueBlockReader block, HashSet<(uint QueueId, ulong Id)> ids)
    {
        foreach (BlockMessageView message in block)
        {
            if (!message.Entry.IsTransient)
            {
                ids.Add((block.QueueId, message.Entry.Id.Value));
            }
        }
    }

    private int Count(in SettleView settle)
    {
        int count = settle.Kind == SettleKind.WholeBlock ? _store.FindBlock(settle.BlockAddress)?.Block.LiveCount ?? 0 : 0;
        foreach (StoredId id in settle.Ids)
        {
            count++;
        }

        foreach (int index in settle.Indexes)
        {
            count++;
        }

        return count;
    }

    private bool CanRead(long coldAddress, [NotNullWhen(false)] out string? reason)
    {
        try
        {
            journal.Cold.Read(coldAddress);
            reason = null;
            return true;
        }
        catch (JournalException error)
        {
            reason = error.Message;
            return false;
        }
    }

    private bool TryReadCheckpoint(long address)
    {
        using IRecordReader reader = journal.Hot.ReadForward(address, journal.Recovery.HotEnd);
        CheckpointReader checkpoint = new();
        while (reader.TryRead(out RecordView record))
        {
            if ((RecordKind)record.Kind == RecordKind.Checkpoint)
            {
                checkpoint.Add(record.Body.Span);
            }
            else if ((RecordKind)record.Kind == RecordKind.CheckpointEnd)
            {
                IReadOnlyList<TopologyItem>? items = checkpoint.End(record.Body.Span);
                foreach (TopologyItem item in items ?? [])
                {
                    _store.Apply(item);
                }

                return items is not null;
            }
        }

        return false;
    }

    private void Replay(in RecordView record, long checkpointAddress)
    {
        switch ((RecordKind)record.Kind)
        {
            case RecordKind.Batch:
                BatchReader batch = new(record.Body.Span);
                if (batch.TransactionId == 0)
                {
                    Apply(record.Address, batch);
                }
                else
                {
                    Hold(batch.TransactionId, record);
                }

                break;
            case RecordKind.TransactionEnd:
                if (_openTransactions.Remove(TransactionEnd.Read(record.Body.Span).TransactionId, out List<(long Address, byte[] Body)>? parts))
                {
                    foreach ((long address, byte[] body) in parts)
                    {
                        Apply(address, new BatchReader(body));
                    }
                }

                break;
            case RecordKind.Topology when record.Address >= checkpointAddress || !_hasCheckpoint:
                foreach (TopologyItem item in new TopologyReader(record.Body.Span))
                {
                    _store.Apply(item);
                }

                break;
            case RecordKind.Checkpoint when _isSalvage && !_hasCheckpoint: // every piece of any checkpoint is better than none
                foreach (TopologyItem item in CheckpointReader.ReadItems(record.Body.Span))
                {
                    _store.Apply(item);
                }

                break;
            case RecordKind.BodyChunk when _isSalvage:
                _pieces.Add(record.Address);
                break;
            case RecordKind.Topology or RecordKind.Checkpoint or RecordKind.CheckpointEnd or RecordKind.BodyChunk or RecordKind.Spill:
                break;
            default:
                throw new RecordFormatException($"records of kind {record.Kind} are not known to this version");
        }
    }

    private void Hold(ulong transaction, in RecordView record)
    {
        if (!_openTransactions.TryGetValue(transaction, out List<(long Address, byte[] Body)>? parts))
        {
            _openTransactions.Add(transaction, parts = []);
        }

        parts.Add((record.Address, record.Body.ToArray()));
    }

    private void Apply(long address, in BatchReader batch)
    {
        foreach (SettleView settle in batch.Settles)
        {
            Apply(settle);
        }

        foreach (Mark mark in batch.Marks)
        {
            Apply(mark);
        }

        foreach (Receipt receipt in batch.Receipts)
        {
            receipts.Restore(address, receipt);
        }

        foreach (MessageView message in batch.Messages)
        {
            bool isBodiless = _isSalvage && IsPieceMissing(message);
            RecoveredEntry entry = new()
            {
                Id = new StoredId(address, message.Index).Value,
                BodyBytes = message.BodyLength,
                Priority = message.Priority,
            };
            foreach (long chunk in message.Chunks)
            {
                _store.FirstChunks.Add(entry.Id, chunk);
                break;
            }

            foreach (QueueRef queue in message.Refs)
            {
                _store.QueueOf(queue.QueueId).Add(entry);
                if (isBodiless)
                {
                    _bodiless.Add((queue.QueueId, entry.Id));
                }
            }
        }
    }

    private bool IsPieceMissing(in MessageView message)
    {
        bool isMissing = false;
        foreach (long piece in message.Chunks)
        {
            isMissing |= !_pieces.Contains(piece);
        }

        return isMissing;
    }

    private void Apply(in SettleView settle)
    {
        if (settle.Kind == SettleKind.Entries)
        {
            RecoveredQueue queue = _store.QueueOf(settle.QueueId);
            foreach (StoredId id in settle.Ids)
            {
                queue.Settle(id.Value);
            }

            return;
        }

        if (_store.FindBlock(settle.BlockAddress) is not { Block: { } block })
        {
            return;
        }

        if (settle.Kind == SettleKind.WholeBlock)
        {
            for (int index = 0; index < block.Count; index++)
            {
                block.Settle(index);
            }
        }

        foreach (int index in settle.Indexes)
        {
            if (index >= block.Count)
            {
                throw new RecordFormatException($"the block at {settle.BlockAddress} has no message {index}");
            }

            block.Settle(index);
        }
    }

    private void Apply(in Mark mark)
    {
        if (mark.ExpiresUtcMs != 0)
        {
            _store.QueueOf(mark.QueueId).Expiries[mark.Id.Value] = mark.ExpiresUtcMs;
        }
        else if (!mark.IsInBlock)
        {
            _store.QueueOf(mark.QueueId).Marks[mark.Id.Value] = mark.FailedDeliveries;
        }
        else
        {
            _store.FindBlock(mark.BlockAddress)?.Mark(mark.BlockIndex, mark.FailedDeliveries);
        }
    }
}
