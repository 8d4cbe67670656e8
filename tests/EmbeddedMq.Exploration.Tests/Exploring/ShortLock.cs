namespace EmbeddedMq.Threading;

/// <summary>Takes the place of the broker's lock for a few instructions, which would spin: to the explorer it is a lock like any other.</summary>
internal struct ShortLock
{
    private Lock? _lock; // made by the first to come: the explorer lets one thread go on at a time

    internal Lock.Scope Enter() => Made().EnterScope();

    internal void Acquire() => Made().EnterScope();

    internal void Release() => Made().Exit();

    private Lock Made() => _lock ?? Interlocked.CompareExchange(ref _lock, new Lock(), null) ?? _lock;
}
