using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Threading;

/// <summary>A lock for a few instructions at a time: half the cost of <see cref="Lock"/>, and no object. Who finds it taken spins, for some microseconds.</summary>
/// <remarks>For where whoever holds it waits for nothing. Where that happens all the same, as when the journal's memory is full, those who want it look
/// again every millisecond: measured, 0.4 to 2 % of a core for each of them. Not reentrant. Leaving it is no full fence. It is used in place, and not
/// copied; it should lie among what it guards, and apart from what others write.</remarks>
internal struct ShortLock
{
    /// <summary>How often whoever tries again, and needs not come in where others do its work meanwhile, gives the processor to others before it sleeps: a
    /// millisecond's worth.</summary>
    internal const int LooksBeforeSleep = 1_000;

    private int _isHeld;

    /// <summary>Enters it.</summary>
    /// <returns>To be disposed to leave it.</returns>
    [UnscopedRef]
    internal Scope Enter()
    {
        Acquire();
        return new Scope(ref this);
    }

    /// <summary>Enters it, to be left by <see cref="Release"/>: for whoever makes a scope of its own around it.</summary>
    internal void Acquire()
    {
        if (Interlocked.CompareExchange(ref _isHeld, 1, 0) != 0)
        {
            Wait();
        }
    }

    /// <summary>Enters it unless it is taken, to be left by <see cref="Release"/>.</summary>
    internal bool TryAcquire() => Volatile.Read(ref _isHeld) == 0 && Interlocked.CompareExchange(ref _isHeld, 1, 0) == 0;

    /// <summary>Enters it and leaves it at once, unless it is taken.</summary>
    internal bool TryPass()
    {
        bool isFree = TryAcquire();
        if (isFree)
        {
            Release();
        }

        return isFree;
    }

    /// <summary>Leaves it.</summary>
    internal void Release() => Volatile.Write(ref _isHeld, 0);

    private void Wait()
    {
        SpinWait spin = default;
        do
        {
            spin.SpinOnce(); // gives the processor to others before long, and sleeps from the 20th turn on: whoever holds it may not be running
        }
        while (!TryAcquire());
    }

    /// <summary>Holds the lock until it is disposed.</summary>
    internal readonly ref struct Scope
    {
        private readonly ref ShortLock _held;

        internal Scope(ref ShortLock held) => _held = ref held;

        /// <summary>Leaves the lock.</summary>
        public void Dispose() => _held.Release();
    }
}
