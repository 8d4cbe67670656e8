using EmbeddedMq.Exploration.Tests.Exploring;

namespace EmbeddedMq.Threading;

/// <summary>Takes the place of the broker's lock for a few instructions, which would spin: to the explorer it is a lock like any other.</summary>
internal struct ShortLock
{
    internal const int LooksBeforeSleep = 1;

    private Lock? _lock; // made by the first to come: the explorer lets one thread go on at a time

    internal Lock.Scope Enter() => Made().EnterScope();

    internal void Acquire() => Made().EnterScope();

    internal void Release() => Made().Exit();

    // False once where it is taken, and then it waits: whoever tries again and again would try for ever, because no other thread goes on meanwhile.
    internal bool TryAcquire()
    {
        if (ExploredThread.Current is { } thread && !Made().IsFree && !ReferenceEquals(Made().Refused, thread))
        {
            Made().Refused = thread;
            thread.Point();
            return false;
        }

        Made().Refused = null;
        Acquire();
        return true;
    }

    internal bool TryPass()
    {
        bool isFree = TryAcquire();
        if (isFree)
        {
            Release();
        }

        return isFree;
    }

    private Lock Made() => _lock ?? Interlocked.CompareExchange(ref _lock, new Lock(), null) ?? _lock;
}
