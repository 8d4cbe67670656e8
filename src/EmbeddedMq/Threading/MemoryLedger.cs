using System.Numerics;
using System.Runtime.InteropServices;

namespace EmbeddedMq.Threading;

/// <summary>Counts the bytes of messages in memory and says when publishers must wait.</summary>
/// <remarks>
/// Thread-safe. The count is spread over cells, because every publish and every settlement changes it from another thread. It is summed when
/// a cell crosses a multiple of the grain, so that the high watermark may be overrun by a few grains; while publishers wait it is summed at
/// every release, so that the end of the waiting is never missed.
/// </remarks>
internal sealed class MemoryLedger
{
    private const int CellCount = 16;
    private const long LargestGrain = 64 * 1024;

    private readonly Cell[] _cells = new Cell[CellCount];
    private readonly long _highBytes;
    private readonly long _lowBytes;
    private readonly int _grainBits; // the grain is a power of two: every publish asks whether its cell crosses a multiple
    private readonly Action<bool> _blockedChanged;
    private readonly long _pressureBytes;
    private readonly Action? _pressed;
    private readonly Lock _gate = new();
    private volatile bool _isBlocked; // written under _gate

    /// <summary>Makes a ledger.</summary>
    /// <param name="highBytes">Above this publishers wait, until one sixteenth less is reached; more than 0.</param>
    /// <param name="blockedChanged">Told of each change, in order, under the ledger's gate: it only notes it.</param>
    /// <param name="pressureBytes">Above this <paramref name="pressed"/> is told; more than 0.</param>
    /// <param name="pressed">Told again and again while more comes; it only notes it. It may be called under any gate.</param>
    internal MemoryLedger(long highBytes, Action<bool> blockedChanged, long pressureBytes = long.MaxValue, Action? pressed = null)
    {
        _highBytes = highBytes;
        _lowBytes = highBytes - (highBytes / 16);
        _grainBits = BitOperations.Log2((ulong)Math.Clamp(Math.Min(highBytes, pressureBytes) / 64, 1, LargestGrain));
        _blockedChanged = blockedChanged;
        _pressureBytes = pressureBytes;
        _pressed = pressed;
    }

    /// <summary>Whether publishers must wait.</summary>
    internal bool IsBlocked => _isBlocked;

    /// <summary>The watermark, in bytes.</summary>
    internal long HighBytes => _highBytes;

    /// <summary>The bytes counted now.</summary>
    internal long Bytes
    {
        get
        {
            long sum = 0;
            foreach (ref Cell cell in _cells.AsSpan())
            {
                sum += Volatile.Read(ref cell.Bytes);
            }

            return sum;
        }
    }

    /// <summary>Counts bytes that came.</summary>
    /// <param name="bytes">How many.</param>
    internal void Add(long bytes)
    {
        long after = Interlocked.Add(ref MyCell.Bytes, bytes);
        if (!_isBlocked && after >> _grainBits != (after - bytes) >> _grainBits)
        {
            Evaluate();
        }
    }

    /// <summary>Counts bytes that went.</summary>
    /// <param name="bytes">How many.</param>
    internal void Release(long bytes)
    {
        Interlocked.Add(ref MyCell.Bytes, -bytes);
        if (_isBlocked)
        {
            Evaluate();
        }
    }

    private ref Cell MyCell => ref _cells[Environment.CurrentManagedThreadId % CellCount];

    private void Evaluate()
    {
        if (_pressed is not null && Bytes > _pressureBytes)
        {
            _pressed();
        }

        lock (_gate)
        {
            bool blocked = _isBlocked ? Bytes > _lowBytes : Bytes > _highBytes;
            if (blocked == _isBlocked)
            {
                return;
            }

            _isBlocked = blocked;
            _blockedChanged(blocked);
        }

        // A release between the sum and the write above saw "not blocked" and summed nothing. The barrier keeps the write before this second
        // sum; a release has one between its count and its look, because both are in that order by an interlocked addition.
        Interlocked.MemoryBarrier();
        if (_isBlocked && Bytes <= _lowBytes)
        {
            Evaluate();
        }
    }

    // Two cache lines each, so that threads do not share one.
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct Cell
    {
        internal long Bytes;
    }
}
