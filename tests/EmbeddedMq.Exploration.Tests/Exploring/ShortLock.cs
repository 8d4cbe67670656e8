namespace EmbeddedMq.Threading;

/// <summary>Takes the place of the broker's lock for a few instructions, which would spin: to the explorer it is a lock like any other.</summary>
internal sealed class ShortLock
{
    private readonly Lock _lock = new();

    internal Lock.Scope Enter() => _lock.EnterScope();
}
