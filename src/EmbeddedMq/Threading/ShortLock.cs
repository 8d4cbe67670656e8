using System.Runtime.InteropServices;

namespace EmbeddedMq.Threading;

/// <summary>A lock for a few instructions at a time: half the cost of <see cref="Lock"/>, and a cache line of its own. Who finds it taken spins.</summary>
/// <remarks>For leaves of the lock order only, where whoever holds it waits for nothing. Not reentrant. Leaving it is no full fence.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal sealed class ShortLock
{
    [FieldOffset(64)]
    private int _isHeld;

    /// <summary>Enters it.</summary>
    /// <returns>To be disposed to leave it.</returns>
    internal Scope Enter()
    {
        if (Interlocked.CompareExchange(ref _isHeld, 1, 0) != 0)
        {
            Wait();
        }

        return new Scope(this);
    }

    private void Wait()
    {
        SpinWait spin = default;
        do
        {
            spin.SpinOnce(); // gives the processor to others before long: whoever holds it may not be running
        }
        while (Volatile.Read(ref _isHeld) != 0 || Interlocked.CompareExchange(ref _isHeld, 1, 0) != 0);
    }

    /// <summary>Holds the lock until it is disposed.</summary>
    /// <param name="held">The lock.</param>
    internal readonly ref struct Scope(ShortLock held)
    {
        /// <summary>Leaves the lock.</summary>
        public void Dispose() => Volatile.Write(ref held._isHeld, 0);
    }
}
