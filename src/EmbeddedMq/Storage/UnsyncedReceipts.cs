using EmbeddedMq.Journal;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>Receipts that are known and not synced, because the broker promises less than that: a failure of the disk may take their records, and nothing
/// else in memory would bring them back.</summary>
/// <remarks>Thread-safe; its gate is a leaf. Where nobody has the journal synced for long this does, without waiting, so that they stay few.</remarks>
/// <param name="log">The log that their records are in.</param>
internal sealed class UnsyncedReceipts(IAppendLog log)
{
    private const int Many = 16_384;

    private readonly Lock _gate = new();
    private readonly Queue<UnsyncedReceipt> _receipts = new(); // the oldest first; guarded by _gate
    private readonly SyncRequest _request = new();

    /// <summary>Adds receipts.</summary>
    /// <param name="receipts">The receipts of one commit.</param>
    /// <param name="endedAt">The id of the commit's last record.</param>
    /// <param name="syncedUntil">Those of commits that ended below this address are safe.</param>
    internal void Add(ReadOnlySpan<Receipt> receipts, ulong endedAt, long syncedUntil)
    {
        int count;
        lock (_gate)
        {
            while (_receipts.TryPeek(out UnsyncedReceipt oldest) && new StoredId(oldest.EndedAt).Address < syncedUntil)
            {
                _receipts.Dequeue();
            }

            foreach (ref readonly Receipt receipt in receipts)
            {
                _receipts.Enqueue(new UnsyncedReceipt(endedAt, receipt));
            }

            count = _receipts.Count;
        }

        if (count >= Many && _request.TryBegin())
        {
            log.WhenCommitted(_request);
        }
    }

    /// <summary>Takes all of them out.</summary>
    internal UnsyncedReceipt[] TakeAll()
    {
        lock (_gate)
        {
            UnsyncedReceipt[] all = [.. _receipts];
            _receipts.Clear();
            return all;
        }
    }

    /// <summary>Puts some back.</summary>
    /// <param name="receipts">The receipts, the oldest first.</param>
    internal void PutBack(IEnumerable<UnsyncedReceipt> receipts)
    {
        lock (_gate)
        {
            foreach (UnsyncedReceipt receipt in receipts)
            {
                _receipts.Enqueue(receipt);
            }
        }
    }

    // In the log's list at most once.
    private sealed class SyncRequest() : CommitWaiter(Durability.Synced)
    {
        private int _isWaiting;

        public override void Complete(JournalException? failure) => Volatile.Write(ref _isWaiting, 0);

        internal bool TryBegin() => Interlocked.Exchange(ref _isWaiting, 1) == 0;
    }
}
