namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>One run of a scenario's threads under one schedule.</summary>
internal sealed class Interleaving(Schedule schedule)
{
    // For what the broker completes on the thread pool: much longer than a hop there takes on a busy machine.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly List<ExploredThread> _threads = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _nextSwitch;
    private string? _givenUp;

    /// <summary>How many points were reached.</summary>
    internal int PointCount { get; private set; }

    /// <summary>Adds a thread.</summary>
    internal void Add(string name, Action body) => _threads.Add(new ExploredThread(this, _threads.Count, name, body));

    /// <summary>Runs the threads to their ends.</summary>
    /// <exception cref="ExplorationException">They got stuck, or one threw.</exception>
    internal async Task RunAsync()
    {
        _threads.ForEach(static thread => thread.Start());
        _threads[schedule.First].Resume();
        await _ended.Task;
        if (_givenUp is not null)
        {
            throw new ExplorationException(_givenUp);
        }

        if (_threads.Find(static thread => thread.Failure is not null) is { } failed)
        {
            throw new ExplorationException($"Thread '{failed.Name}' threw: {failed.Failure}");
        }
    }

    /// <summary>A thread is at a point: the schedule may switch here.</summary>
    internal void Reach(ExploredThread thread)
    {
        PointCount++;
        ThrowIfGivenUp();
        if (_nextSwitch < schedule.Switches.Count && schedule.Switches[_nextSwitch].Point <= PointCount)
        {
            ExploredThread next = _threads[schedule.Switches[_nextSwitch++].Thread];
            if (next != thread && next.CanRun)
            {
                next.Resume();
                thread.AwaitTurn();
            }
        }
    }

    /// <summary>A thread has to wait: the next that can run goes on.</summary>
    internal void LeaveToOthers(ExploredThread thread)
    {
        ThrowIfGivenUp();
        if (FindNext(thread) is not { } next)
        {
            GiveUp();
            ThrowIfGivenUp();
            return;
        }

        if (next != thread)
        {
            next.Resume();
            thread.AwaitTurn();
        }
    }

    /// <summary>A thread has ended.</summary>
    internal void End(ExploredThread thread)
    {
        if (_threads.TrueForAll(static t => t.IsDone))
        {
            _ended.TrySetResult();
        }
        else if (_givenUp is null)
        {
            if (FindNext(thread) is { } next)
            {
                next.Resume();
            }
            else
            {
                GiveUp();
            }
        }
    }

    /// <summary>Ends the thread that calls when the run has been given up.</summary>
    internal void ThrowIfGivenUp()
    {
        if (_givenUp is not null)
        {
            throw new ExplorationException(_givenUp);
        }
    }

    private ExploredThread? FindNext(ExploredThread after)
    {
        ExploredThread? next = null;

        // A condition may be waiting for something that the broker completes on the thread pool; a lock never is.
        TimeSpan patience = _threads.Exists(static thread => thread.WaitsForCondition) ? Patience : TimeSpan.Zero;
        SpinWait.SpinUntil(
            () =>
            {
                for (int i = 1; i <= _threads.Count && next is null; i++)
                {
                    ExploredThread candidate = _threads[(after.Number + i) % _threads.Count];
                    next = candidate.CanRun ? candidate : null;
                }

                return next is not null;
            },
            patience);
        return next;
    }

    private void GiveUp()
    {
        _givenUp = "Nothing can go on: " + string.Join(", ", _threads.Select(static thread => $"'{thread.Name}' {thread.Wait}"));
        foreach (ExploredThread thread in _threads.Where(static thread => !thread.IsDone && thread != ExploredThread.Current))
        {
            thread.Resume();
        }
    }
}
