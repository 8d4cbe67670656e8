using System.Collections.Concurrent;

namespace EmbeddedMq.Storage;

/// <summary>Keeps <see cref="PublishConfirm"/> objects for the next publishes.</summary>
/// <remarks>Thread-safe. Bounded: what comes back beyond is left to the garbage collector.</remarks>
internal sealed class PublishConfirmPool
{
    private const int MostKept = 1_024; // as many publishes as wait at once in a usual window

    private readonly ConcurrentQueue<PublishConfirm> _free = new();
    private int _count;

    /// <summary>Gives out a free one, or a new one.</summary>
    internal PublishConfirm Rent()
    {
        if (_free.TryDequeue(out PublishConfirm? confirm))
        {
            Interlocked.Decrement(ref _count);
            return confirm;
        }

        return new PublishConfirm(this);
    }

    /// <summary>Takes one back.</summary>
    /// <param name="confirm">One whose result was taken.</param>
    internal void Return(PublishConfirm confirm)
    {
        if (Interlocked.Increment(ref _count) <= MostKept)
        {
            _free.Enqueue(confirm);
        }
        else
        {
            Interlocked.Decrement(ref _count);
        }
    }
}
