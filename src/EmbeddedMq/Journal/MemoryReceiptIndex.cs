namespace EmbeddedMq.Journal;

/// <summary>An index of receipts in memory.</summary>
/// <remarks>Thread-safe; one gate, held for a fraction of a microsecond. 56 bytes for each receipt; the ring doubles as it fills, up to the bound.</remarks>
/// <param name="maxCount">How many it keeps, 1 or more.</param>
/// <param name="retention">For how long.</param>
/// <param name="timeProvider">The clock.</param>
internal sealed class MemoryReceiptIndex(long maxCount, TimeSpan retention, TimeProvider timeProvider) : IReceiptIndex
{
    private readonly Lock _gate = new();
    private readonly KeyedRing<IndexedReceipt> _receipts = new(); // guarded by _gate

    /// <inheritdoc/>
    public long Count
    {
        get
        {
            lock (_gate)
            {
                return _receipts.Count;
            }
        }
    }

    /// <inheritdoc/>
    public bool TryFind(UInt128 key, out IndexedReceipt receipt)
    {
        long cutoff = CutoffUtcMs;
        lock (_gate)
        {
            return _receipts.TryFind(key, out receipt) && receipt.AtUtcMs >= cutoff;
        }
    }

    /// <inheritdoc/>
    public void Put(UInt128 key, in IndexedReceipt receipt)
    {
        long cutoff = CutoffUtcMs;
        lock (_gate)
        {
            _receipts.Put(key, receipt);
            while (_receipts.Count > maxCount || (_receipts.TryPeek(out IndexedReceipt oldest) && oldest.AtUtcMs < cutoff))
            {
                _receipts.Drop();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // It holds nothing but memory.
    }

    private long CutoffUtcMs => (timeProvider.GetUtcNow() - retention).ToUnixTimeMilliseconds();
}
