namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>One thread of a scenario. Of all of them exactly one runs at a time; it hands on at a point, when it has to wait, or at its end.</summary>
internal sealed class ExploredThread
{
    [ThreadStatic]
    private static ExploredThread? _current;

    private readonly Interleaving _interleaving;
    private readonly Action _body;
    private readonly SemaphoreSlim _turn = new(0);
    private Lock? _wantedLock;
    private Func<bool>? _wantedCondition;

    internal ExploredThread(Interleaving interleaving, int number, string name, Action body)
    {
        _interleaving = interleaving;
        _body = body;
        Number = number;
        Name = name;
    }

    /// <summary>The explorer's thread that runs the caller, or null on any other thread.</summary>
    internal static ExploredThread? Current => _current;

    internal int Number { get; }

    internal string Name { get; }

    internal bool IsDone { get; private set; }

    internal Exception? Failure { get; private set; }

    /// <summary>Whether it could go on now.</summary>
    internal bool CanRun => !IsDone && _wantedLock?.IsFree != false && _wantedCondition?.Invoke() != false;

    internal bool WaitsForCondition => !IsDone && _wantedCondition is not null;

    /// <summary>What it waits for, for the report.</summary>
    internal string Wait => IsDone ? "done" : _wantedLock is not null ? "waits for a lock" : _wantedCondition is not null ? "waits for its condition" : "can run";

    /// <summary>Starts the operating system's thread; it waits for its first turn.</summary>
    internal void Start() => new Thread(Run) { IsBackground = true, Name = Name }.Start();

    /// <summary>Gives it the turn.</summary>
    internal void Resume() => _turn.Release();

    /// <summary>A place where the schedule may let another thread go on.</summary>
    internal void Point() => _interleaving.Reach(this);

    /// <summary>Returns when the lock is free; nobody else runs between this and what the caller does next.</summary>
    internal void WaitFor(Lock wanted)
    {
        while (!wanted.IsFree)
        {
            _wantedLock = wanted;
            _interleaving.LeaveToOthers(this);
            _wantedLock = null;
        }
    }

    /// <summary>Returns when the condition holds.</summary>
    internal void WaitFor(Func<bool> condition)
    {
        while (!condition())
        {
            _wantedCondition = condition;
            _interleaving.LeaveToOthers(this);
            _wantedCondition = null;
        }
    }

    /// <summary>Waits for the turn. Called after another thread was given it.</summary>
    internal void AwaitTurn()
    {
        _turn.Wait();
        _interleaving.ThrowIfGivenUp();
    }

    private void Run()
    {
        _turn.Wait();
        _current = this;
        try
        {
            _interleaving.ThrowIfGivenUp();
            _body();
        }
        catch (Exception error)
        {
            Failure = error;
        }

        _current = null;
        IsDone = true;
        _interleaving.End(this);
    }
}
