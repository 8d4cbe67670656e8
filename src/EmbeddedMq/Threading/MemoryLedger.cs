using System.Numerics;

namespace EmbeddedMq.Threading;

/// <summary>Counts the bytes of messages in memory and says when publishers must wait.</summary>
/// <remarks>
/// Thread-safe. The count is spread over cells, one a thread (<see cref="LedgerCell"/>), because every publish and every settlement changes it. It is
/// summed when a cell crosses a multiple of the grain, so that the high watermark may be overrun by a few grains; while publishers wait it is
/// summed at every release, so that the end of the waiting is never missed. For that a release counts before it looks, which takes a fence; it goes
/// without one until the count has come near the watermark for the first time, as it never does in most brokers.
/// </remarks>
internal sealed class MemoryLedger
{
    private const long LargestGrain = 64 * 1024;
    private const long SmallHighBytes = 16 * 1024 * 1024; // always near: it may be reached at once

    private readonly LedgerCells _cells = new();
    private readonly long _highBytes;
    private readonly long _lowBytes;
    private readonly int _grainBits; // the grain is a power of two: every publish asks whether its cell crosses a multiple
    private readonly Action<bool> _blockedChanged;
    private readonly long _pressureBytes;
    private readonly Action? _pressed;
    private readonly Lock _gate = new();
    private volatile bool _isBlocked; // written under _gate
    private volatile bool _isNear;    // the count has come near the watermark; set once

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
        _isNear = highBytes <= SmallHighBytes;
    }

    /// <summary>Whether publishers must wait.</summary>
    internal bool IsBlocked => _isBlocked;

    /// <summary>The watermark, in bytes.</summary>
    internal long HighBytes => _highBytes;

    /// <summary>The bytes counted now.</summary>
    internal long Bytes => _cells.Sum();

    /// <summary>Counts bytes that came.</summary>
    /// <param name="bytes">How many.</param>
    internal void Add(long bytes)
    {
        long after = _cells.OfThread.Add(bytes);
        if (!_isBlocked && after >> _grainBits != (after - bytes) >> _grainBits)
        {
            Evaluate();
        }
    }

    /// <summary>Counts bytes that went.</summary>
    /// <param name="bytes">How many.</param>
    internal void Release(long bytes)
    {
        _cells.OfThread.Add(-bytes);
        if (_isNear)
        {
            Interlocked.MemoryBarrier(); // the count before the look
        }

        if (_isBlocked)
        {
            Evaluate();
        }
    }

    private bool MustBlock => Bytes > (_isBlocked ? _lowBytes : _highBytes);

    private void Evaluate()
    {
        Interlocked.MemoryBarrier(); // what this thread has counted before it looks at what others have: of two that let go at once, one sees both
        if (_pressed is not null && Bytes > _pressureBytes)
        {
            _pressed();
        }

        if (!_isNear && Bytes > _highBytes / 2)
        {
            ComeNear();
        }

        if (MustBlock == _isBlocked)
        {
            return;
        }

        lock (_gate)
        {
            bool blocked = MustBlock;
            if (blocked == _isBlocked)
            {
                return;
            }

            _isBlocked = blocked;
            _blockedChanged(blocked);
        }

        // A release between the sum and the write above saw "not blocked" and summed nothing. The barrier keeps the write before this second sum.
        Interlocked.MemoryBarrier();
        if (_isBlocked && Bytes <= _lowBytes)
        {
            Evaluate();
        }
    }

    // From here on releases have a fence each. One barrier for all threads, so that none is between its count and its look without one.
    private void ComeNear()
    {
        _isNear = true;
        Interlocked.MemoryBarrierProcessWide();
    }
}
