using System.Collections.Concurrent;
using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Storage.Records;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.Storage;

/// <summary>The receipts of messages that were dealt with: where they are on disk, which of them are still wanted, and an index that finds them.</summary>
/// <remarks>
/// <para>The life of a receipt: it is appended to the hot log with what it belongs to, and known to the index once that is safe. When the journal
/// is to be shortened, the receipts of its oldest segments are copied into blocks of the cold log, in order, and the next checkpoint tells of the
/// blocks. A segment or a block is given up when the newest receipt in it is older than the retention, or when enough newer ones are there.</para>
/// <para>Thread-safe; <see cref="Evacuate"/> and <see cref="ForgetOld"/> are for the keeper of the store, one at a time.</para>
/// </remarks>
/// <param name="journal">The journal.</param>
/// <param name="coldBytes">Bytes of blocks, by cold segment.</param>
/// <param name="index">Finds them; disposed with this.</param>
/// <param name="retention">How many are kept, and for how long.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class ReceiptStore(
    IJournal journal, SegmentLedger coldBytes, IReceiptIndex index, ReceiptRetention retention, TimeProvider timeProvider) : IDisposable
{
    private readonly ConcurrentDictionary<long, HotSegment> _hot = new(); // by number
    private readonly Lock _gate = new();
    private readonly List<ReceiptBlockKept> _blocks = []; // the oldest first; guarded by _gate

    /// <summary>About how many are known.</summary>
    internal long Count => index.Count;

    /// <summary>Finds what is known under a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="receipt">It.</param>
    internal bool TryFind(UInt128 key, out Receipt receipt)
    {
        bool found = index.TryFind(key, out IndexedReceipt indexed);
        receipt = new Receipt(key, indexed.Fingerprint, indexed.State, indexed.AtUtcMs);
        return found;
    }

    /// <summary>Notes that receipts were appended, so that their segment stays. Under the gate of appending.</summary>
    /// <param name="address">The address of their record.</param>
    /// <param name="receipts">The receipts.</param>
    internal void NoteAppended(long address, ReadOnlySpan<Receipt> receipts)
    {
        HotSegment segment = _hot.GetOrAdd(journal.Hot.SegmentOf(address), static _ => new HotSegment());
        foreach (ref readonly Receipt receipt in receipts)
        {
            segment.Note(receipt.AtUtcMs);
        }
    }

    /// <summary>Makes receipts known that are safe.</summary>
    /// <param name="receipts">The receipts.</param>
    internal void Add(ReadOnlySpan<Receipt> receipts)
    {
        foreach (ref readonly Receipt receipt in receipts)
        {
            index.Put(receipt.Key, new IndexedReceipt(receipt.Fingerprint, receipt.State, receipt.AtUtcMs));
        }
    }

    /// <summary>Whether a hot segment holds receipts that are nowhere else.</summary>
    /// <param name="segment">Its number.</param>
    internal bool Needs(long segment) => _hot.ContainsKey(segment);

    /// <summary>The blocks, for a checkpoint.</summary>
    internal IReadOnlyList<ReceiptBlockKept> Describe()
    {
        lock (_gate)
        {
            return [.. _blocks];
        }
    }

    /// <summary>Takes up what a restart finds in the journal.</summary>
    /// <param name="address">The address of the record.</param>
    /// <param name="receipt">A receipt in it.</param>
    internal void Restore(long address, in Receipt receipt)
    {
        ReadOnlySpan<Receipt> one = new(in receipt);
        NoteAppended(address, one);
        Add(one);
    }

    /// <summary>Takes up a block that a restart finds in a checkpoint; the oldest comes first.</summary>
    /// <param name="block">The block.</param>
    /// <exception cref="JournalException">It is damaged.</exception>
    internal void Restore(ReceiptBlockKept block)
    {
        Add(Read(block));
        Keep(block);
    }

    /// <summary>Gives up segments and blocks of which nothing is wanted any more.</summary>
    internal void ForgetOld()
    {
        long cutoff = (timeProvider.GetUtcNow() - retention.Time).ToUnixTimeMilliseconds();
        lock (_gate)
        {
            KeyValuePair<long, HotSegment>[] segments = [.. _hot.OrderBy(static segment => segment.Key)];
            long rest = _blocks.Sum(static block => (long)block.Count) + segments.Sum(static segment => segment.Value.Count);
            int over = 0;
            for (; over < _blocks.Count && IsOver(_blocks[over].LastUtcMs, _blocks[over].Count); over++)
            {
                rest -= _blocks[over].Count;
                coldBytes.Release(_blocks[over].Address, _blocks[over].Length);
            }

            _blocks.RemoveRange(0, over);

            long last = journal.Hot.SegmentOf(journal.Hot.TailAddress);
            foreach ((long number, HotSegment segment) in segments)
            {
                if (_blocks.Count > 0 || number >= last || !IsOver(segment.LastUtcMs, segment.Count))
                {
                    break;
                }

                rest -= segment.Count;
                _hot.TryRemove(number, out _);
            }

            bool IsOver(long lastUtcMs, long count) => lastUtcMs < cutoff || rest - count >= retention.Count;
        }
    }

    /// <summary>Copies receipts out of the oldest segments of the hot log into the cold log.</summary>
    /// <param name="below">Segments that end at or below this address are emptied.</param>
    /// <param name="cancellationToken">Stops it between two segments; what was copied counts.</param>
    /// <exception cref="JournalException">A record cannot be read, or a block not be written.</exception>
    /// <remarks>Never beside a checkpoint: a block has no claim on its segment before it is safe.</remarks>
    internal void Evacuate(long below, CancellationToken cancellationToken)
    {
        ForgetOld();
        long end = Math.Min(below, journal.Hot.WrittenUntil);
        long last = journal.Hot.SegmentOf(journal.Hot.TailAddress);
        IReadOnlyList<SegmentInfo> segments = journal.Hot.Segments;
        foreach (long lost in _hot.Keys.Where(number => (number + 1) * journal.Hot.SegmentBytes <= end).Except(segments.Select(static segment => segment.Id)))
        {
            _hot.TryRemove(lost, out _); // the disk failed before its file was made
        }

        foreach (SegmentInfo segment in segments)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (segment.End <= below && segment.Id < last && Needs(segment.Id))
            {
                List<ReceiptBlockKept> written = Copy(segment);
                CommitSignal safe = new(Durability.Synced);
                journal.Cold.WhenCommitted(safe);
                safe.Wait();
                foreach (ReceiptBlockKept block in written)
                {
                    Keep(block);
                }

                _hot.TryRemove(segment.Id, out _);
            }
        }
    }

    /// <summary>Copies a block out of a cold segment that is to be given back.</summary>
    /// <param name="block">The block.</param>
    /// <returns>The copy, for <see cref="ExchangeBlocks"/> once the cold log is synced.</returns>
    /// <exception cref="JournalException">It cannot be read, or not be written.</exception>
    internal ReceiptBlockKept CopyBlock(ReceiptBlockKept block) => Write(Read(block));

    /// <summary>Puts blocks in the places of those that they are copies of.</summary>
    /// <param name="copies">The blocks, safe.</param>
    internal void ExchangeBlocks(IReadOnlyList<(ReceiptBlockKept Old, ReceiptBlockKept New)> copies)
    {
        lock (_gate)
        {
            foreach ((ReceiptBlockKept old, ReceiptBlockKept copy) in copies)
            {
                _blocks[_blocks.IndexOf(old)] = copy;
                coldBytes.Add(copy.Address, copy.Length);
                coldBytes.Release(old.Address, old.Length);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => index.Dispose();

    private List<ReceiptBlockKept> Copy(SegmentInfo segment)
    {
        List<ReceiptBlockKept> written = [];
        List<Receipt> receipts = new(ReceiptBlock.MaxCount);
        using IRecordReader reader = journal.Hot.ReadForward(segment.Begin, Math.Min(segment.End, journal.Hot.WrittenUntil));
        while (reader.TryRead(out RecordView record))
        {
            if ((RecordKind)record.Kind != RecordKind.Batch)
            {
                continue;
            }

            BatchReader batch = new(record.Body.Span);
            foreach (Receipt receipt in batch.Receipts)
            {
                if (IsWanted(receipt, batch.TransactionId != 0))
                {
                    receipts.Add(receipt);
                }

                if (receipts.Count == ReceiptBlock.MaxCount)
                {
                    written.Add(Write([.. receipts]));
                    receipts.Clear();
                }
            }
        }

        if (receipts.Count > 0)
        {
            written.Add(Write([.. receipts]));
        }

        return written;
    }

    // What the index knows better is not copied. What it does not know may be safe and on its way there; but not a part of a transaction: that may be
    // one that never ended.
    private bool IsWanted(in Receipt receipt, bool isPart)
        => TryFind(receipt.Key, out Receipt known) ? known == receipt : !isPart;

    private Receipt[] Read(ReceiptBlockKept block)
    {
        StoredRecord record = journal.Cold.Read(block.Address);
        try
        {
            return ReceiptBlock.Read(record.Body.Span);
        }
        catch (RecordFormatException error)
        {
            throw MqErrors.RecordNotUnderstood(block.Address, record.Kind, error);
        }
    }

    private ReceiptBlockKept Write(Receipt[] block)
    {
        ReceiptBlock body = new(block);
        long address = journal.Cold.Append((byte)RecordKind.ReceiptBlock, body);
        if (address == JournalAddress.None)
        {
            throw journal.Failure ?? MqErrors.StorageNotOpen();
        }

        return new ReceiptBlockKept(address, body.GetLength(), block.Length, block.Max(static receipt => receipt.AtUtcMs));
    }

    private void Keep(ReceiptBlockKept block)
    {
        coldBytes.Add(block.Address, block.Length);
        lock (_gate)
        {
            _blocks.Add(block);
        }
    }

    private sealed class HotSegment
    {
        private long _count;
        private long _lastUtcMs;

        internal long Count => Volatile.Read(ref _count);

        internal long LastUtcMs => Volatile.Read(ref _lastUtcMs);

        // One caller at a time.
        internal void Note(long atUtcMs)
        {
            _count++;
            _lastUtcMs = Math.Max(_lastUtcMs, atUtcMs);
        }
    }
}
