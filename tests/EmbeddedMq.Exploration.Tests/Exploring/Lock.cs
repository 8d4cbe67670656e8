using EmbeddedMq.Exploration.Tests.Exploring;

namespace System.Threading;

/// <summary>Takes the place of the runtime's lock: entering and leaving are points of the explorer, and a thread that finds it taken is not
/// blocked but set aside. Threads that the explorer does not run use it as an ordinary lock.</summary>
internal sealed class Lock
{
    private readonly object _monitor = new();
    private ExploredThread? _owner;
    private int _depth;

    /// <summary>Who tried last, when it was taken, and went on.</summary>
    internal ExploredThread? Refused { get; set; }

    /// <summary>Whether a thread of the explorer could enter it now.</summary>
    internal bool IsFree => _owner is null;

    /// <summary>Whether the current thread holds it.</summary>
    public bool IsHeldByCurrentThread => Monitor.IsEntered(_monitor);

    /// <summary>Enters it, for use by the lock statement.</summary>
    public Scope EnterScope()
    {
        if (ExploredThread.Current is { } thread && !ReferenceEquals(_owner, thread))
        {
            thread.Point();
            thread.WaitFor(this);
            _owner = thread;
        }

        Monitor.Enter(_monitor);
        _depth++;
        return new Scope(this);
    }

    /// <summary>Leaves it.</summary>
    public void Exit()
    {
        bool isLast = --_depth == 0;
        if (isLast)
        {
            _owner = null;
        }

        Monitor.Exit(_monitor);
        if (isLast)
        {
            ExploredThread.Current?.Point();
        }
    }

    /// <summary>Holds the lock until it is disposed.</summary>
    public readonly ref struct Scope
    {
        private readonly Lock _lock;

        internal Scope(Lock gate) => _lock = gate;

        /// <summary>Leaves the lock.</summary>
        public void Dispose() => _lock.Exit();
    }
}
