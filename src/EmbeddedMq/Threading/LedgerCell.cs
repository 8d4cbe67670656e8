using System.Runtime.InteropServices;

namespace EmbeddedMq.Threading;

/// <summary>What one thread has counted for one ledger; on cache lines of its own.</summary>
/// <param name="ledgerId">The ledger.</param>
[StructLayout(LayoutKind.Explicit, Size = 192)]
internal sealed class LedgerCell(int ledgerId)
{
    [FieldOffset(0)]
    private volatile Thread? _thread; // who counts; read by others to find a cell that nobody uses

    [FieldOffset(64)]
    private readonly int _ledgerId = ledgerId;

    [FieldOffset(72)]
    private long _bytes; // written by that thread only

    /// <summary>The ledger.</summary>
    internal int LedgerId => _ledgerId;

    /// <summary>What was counted, by all threads that have had it.</summary>
    internal long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Whether no thread counts here.</summary>
    internal bool IsFree => _thread is not { IsAlive: true };

    /// <summary>Counts. By the thread that has it.</summary>
    /// <param name="bytes">How many; negative for those that went.</param>
    /// <returns>What it has counted now.</returns>
    internal long Add(long bytes)
    {
        long sum = _bytes + bytes;
        Volatile.Write(ref _bytes, sum);
        return sum;
    }

    /// <summary>Gives it to a thread. Under the ledger's gate, while it is free.</summary>
    /// <param name="thread">The thread.</param>
    internal void Enter(Thread thread) => _thread = thread;

    /// <summary>Frees it. By the thread that has it.</summary>
    internal void Leave() => _thread = null;
}
