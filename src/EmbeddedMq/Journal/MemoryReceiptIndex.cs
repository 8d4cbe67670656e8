namespace EmbeddedMq.Journal;

/// <summary>An index of receipts in memory: a ring in the order of insertion, chained into buckets by key.</summary>
/// <remarks>
/// <para>Thread-safe; one gate, held for a fraction of a microsecond. 56 bytes for each receipt; the ring doubles as it fills, up to the bound.</para>
/// <para>No dictionary with a list of its keys beside it: that takes twice as much, and the garbage collector would look at nothing less.</para>
/// </remarks>
/// <param name="maxCount">How many it keeps, 1 or more.</param>
/// <param name="retention">For how long.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class MemoryReceiptIndex(long maxCount, TimeSpan retention, TimeProvider timeProvider) : IReceiptIndex
{
    private const int FirstCapacity = 1_024;
    private const int None = -1;

    private readonly Lock _gate = new();
    private Entry[] _ring = new Entry[FirstCapacity];   // a power of two
    private int[] _buckets = NewBuckets(FirstCapacity); // slots, or None
    private long _head;                                 // position of the oldest entry; its slot is the position modulo the length
    private long _tail;
    private long _count;                                // of those between that have not been replaced

    /// <inheritdoc/>
    public long Count => Volatile.Read(ref _count);

    /// <inheritdoc/>
    public bool TryFind(UInt128 key, out IndexedReceipt receipt)
    {
        long cutoff = CutoffUtcMs;
        lock (_gate)
        {
            int slot = Find_NeedsGate(key);
            receipt = slot == None ? default : _ring[slot].Receipt;
            return slot != None && receipt.AtUtcMs >= cutoff;
        }
    }

    /// <inheritdoc/>
    public void Put(UInt128 key, in IndexedReceipt receipt)
    {
        long cutoff = CutoffUtcMs;
        lock (_gate)
        {
            if (Find_NeedsGate(key) is not None and int old)
            {
                Unlink_NeedsGate(old);
                _ring[old].IsReplaced = true;
            }

            while (_head < _tail && (_count >= maxCount || OldestIsOver_NeedsGate(cutoff)))
            {
                DropOldest_NeedsGate();
            }

            if (_tail - _head == _ring.Length)
            {
                Grow_NeedsGate();
            }

            int slot = SlotOf(_tail++);
            _ring[slot] = new Entry { Key = key, Receipt = receipt };
            Link_NeedsGate(slot);
            _count++;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // It holds nothing but memory.
    }

    private long CutoffUtcMs => (timeProvider.GetUtcNow() - retention).ToUnixTimeMilliseconds();

    private static int[] NewBuckets(int length)
    {
        int[] buckets = new int[length];
        Array.Fill(buckets, None);
        return buckets;
    }

    private bool OldestIsOver_NeedsGate(long cutoff)
    {
        ref Entry oldest = ref _ring[SlotOf(_head)];
        return oldest.IsReplaced || oldest.Receipt.AtUtcMs < cutoff;
    }

    private void DropOldest_NeedsGate()
    {
        int slot = SlotOf(_head++);
        if (!_ring[slot].IsReplaced)
        {
            Unlink_NeedsGate(slot);
        }
    }

    // What was replaced is not taken along.
    private void Grow_NeedsGate()
    {
        Entry[] old = _ring;
        (long head, long tail) = (_head, _tail);
        int length = _count > old.Length / 2 ? checked(old.Length * 2) : old.Length;
        _ring = new Entry[length];
        _buckets = NewBuckets(length);
        (_head, _tail) = (0, 0);
        for (long position = head; position < tail; position++)
        {
            ref Entry entry = ref old[position & (old.Length - 1)];
            if (!entry.IsReplaced)
            {
                int slot = SlotOf(_tail++);
                _ring[slot] = entry;
                Link_NeedsGate(slot);
            }
        }
    }

    private int Find_NeedsGate(UInt128 key)
    {
        int slot = _buckets[BucketOf(key)];
        while (slot != None && _ring[slot].Key != key)
        {
            slot = _ring[slot].Next;
        }

        return slot;
    }

    private void Link_NeedsGate(int slot)
    {
        ref int first = ref _buckets[BucketOf(_ring[slot].Key)];
        _ring[slot].Next = first;
        first = slot;
    }

    private void Unlink_NeedsGate(int slot)
    {
        ref int link = ref _buckets[BucketOf(_ring[slot].Key)];
        while (link != slot)
        {
            link = ref _ring[link].Next;
        }

        link = _ring[slot].Next;
        _count--;
    }

    // Keys are hashes: any bits of them will do.
    private int BucketOf(UInt128 key) => (int)((ulong)key & (ulong)(_buckets.Length - 1));

    private int SlotOf(long position) => (int)(position & (_ring.Length - 1));

    private struct Entry
    {
        internal UInt128 Key;
        internal IndexedReceipt Receipt;
        internal int Next;
        internal bool IsReplaced;
    }
}
