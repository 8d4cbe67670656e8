namespace EmbeddedMq.LoadTests.Peers;

/// <summary>Counts messages up to a number that is known later.</summary>
internal sealed class Received
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _count;
    private long _goal = long.MaxValue;

    internal void Signal(int messages = 1)
    {
        if (Interlocked.Add(ref _count, messages) >= Volatile.Read(ref _goal))
        {
            _reached.TrySetResult();
        }
    }

    /// <summary>Completes when so many have been counted.</summary>
    internal Task ReachAsync(long goal)
    {
        Volatile.Write(ref _goal, goal);
        Signal(0); // it counts, and looks at the goal after that; here it is the other way round
        return _reached.Task;
    }
}
