namespace EmbeddedMq.LoadTests.Memory;

/// <summary>Counts what all consumers of a run have received.</summary>
internal sealed class Countdown(long count)
{
    private readonly TaskCompletionSource _zero = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _left = count;

    internal Task Zero => _zero.Task;

    internal void Signal()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            _zero.SetResult();
        }
    }
}
