namespace EmbeddedMq.Threading;

/// <summary>The cells of one ledger: one for each thread that counts, so that counting needs no interlocked operation.</summary>
/// <remarks>Thread-safe. A thread has one cell at a time: one that turns to another ledger, or has ended, leaves its cell, with what it has counted, to
/// the next thread that comes. So there are as many as threads have counted at a time.</remarks>
internal sealed class LedgerCells
{
    private static int _lastId;

    [ThreadStatic]
    private static LedgerCell? _ofThread;

    private readonly int _id = Interlocked.Increment(ref _lastId); // not this object itself: a thread must not keep a broker in memory that has stopped
    private readonly Lock _gate = new();
    private LedgerCell[] _cells = []; // replaced whole under _gate

    /// <summary>The cell of the current thread.</summary>
    internal LedgerCell OfThread => _ofThread is { } cell && cell.LedgerId == _id ? cell : Bind();

    /// <summary>What all cells have counted.</summary>
    internal long Sum()
    {
        long sum = 0;
        foreach (LedgerCell cell in Volatile.Read(ref _cells))
        {
            sum += cell.Bytes;
        }

        return sum;
    }

    private LedgerCell Bind()
    {
        _ofThread?.Leave();
        Thread thread = Thread.CurrentThread;
        lock (_gate)
        {
            LedgerCell? free = Array.Find(_cells, static cell => cell.IsFree);
            if (free is null)
            {
                free = new LedgerCell(_id);
                Volatile.Write(ref _cells, [.. _cells, free]);
            }

            free.Enter(thread);
            return _ofThread = free;
        }
    }
}
