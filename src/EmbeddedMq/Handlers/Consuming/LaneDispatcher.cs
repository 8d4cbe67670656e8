using EmbeddedMq.Threading;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Handles deliveries on several workers; those of one key one after the other, each in a lane of its own.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
/// <remarks>
/// <para>A lane exists while a delivery of its key is held. Its first delivery is ready, being handled, or parked until its retry; the others
/// wait behind it. A delivery without a key is a lane by itself. A parked delivery holds its lane but no worker.</para>
/// <para>Nothing here is bounded by itself: a delivery that is held is unsettled, so the consumer's prefetch bounds all of it.</para>
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "A semaphore whose wait handle nobody asks for holds nothing to release.")]
internal sealed class LaneDispatcher<T> : IDispatcher<T>
{
    private readonly Func<WorkItem<T>, ValueTask<TimeSpan?>> _process;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _available = new(0); // one permit for each ready delivery, and one for each worker at the close
    private readonly Task _workers;

    // Guarded by _gate.
    private readonly Lock _gate = new();
    private readonly Queue<WorkItem<T>> _ready = new();
    private readonly Dictionary<object, Queue<WorkItem<T>>> _waitingByKey = [];
    private readonly Dictionary<WorkItem<T>, ITimer> _parked = [];
    private readonly int _concurrency;
    private int _waiting;
    private int _active;
    private bool _isClosed;

    /// <summary>Starts the workers.</summary>
    /// <param name="concurrency">How many.</param>
    /// <param name="process">Handles a delivery; gives the delay after which it is to be handled again, or <see langword="null"/> when done.</param>
    /// <param name="time">The clock.</param>
    public LaneDispatcher(int concurrency, Func<WorkItem<T>, ValueTask<TimeSpan?>> process, TimeProvider time)
    {
        _process = process;
        _time = time;
        _concurrency = concurrency;
        _workers = Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Detached.Run(WorkAsync)));
    }

    /// <inheritdoc/>
    public int UnstartedCount
    {
        get
        {
            lock (_gate)
            {
                return _ready.Count + _waiting + _parked.Count;
            }
        }
    }

    /// <inheritdoc/>
    public int ActiveCount
    {
        get
        {
            lock (_gate)
            {
                return _active;
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask PostAsync(WorkItem<T> item)
    {
        lock (_gate)
        {
            if (item.Key is not null)
            {
                if (_waitingByKey.TryGetValue(item.Key, out Queue<WorkItem<T>>? lane))
                {
                    lane.Enqueue(item);
                    _waiting++;
                    return ValueTask.CompletedTask;
                }

                _waitingByKey.Add(item.Key, new Queue<WorkItem<T>>(0));
            }

            _ready.Enqueue(item);
        }

        _available.Release();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public Task CloseAsync()
    {
        bool isFirst;
        lock (_gate)
        {
            isFirst = !_isClosed;
            _isClosed = true;
            foreach (ITimer timer in _parked.Values)
            {
                timer.Dispose();
            }
        }

        if (isFirst)
        {
            _available.Release(_concurrency);
        }

        return _workers;
    }

    private async Task WorkAsync()
    {
        while (true)
        {
            await _available.WaitAsync().ConfigureAwait(false);
            if (!TryTake(out WorkItem<T>? item))
            {
                return;
            }

            TimeSpan? again = await _process(item).ConfigureAwait(false);
            Finish(item, again);
        }
    }

    private bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out WorkItem<T>? item)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                item = null;
                return false;
            }

            item = _ready.Dequeue();
            _active++;
            return true;
        }
    }

    private void Finish(WorkItem<T> item, TimeSpan? again)
    {
        bool hasReady;
        lock (_gate)
        {
            _active--;
            if (again is { } delay)
            {
                hasReady = TryMakeReady_NeedsGate(item, delay);
            }
            else
            {
                hasReady = TryAdvanceLane_NeedsGate(item.Key);
            }
        }

        if (hasReady)
        {
            _available.Release();
        }
    }

    // A closed dispatcher keeps the item among the parked, so that it is counted as not handled.
    private bool TryMakeReady_NeedsGate(WorkItem<T> item, TimeSpan delay)
    {
        if (delay == TimeSpan.Zero)
        {
            _ready.Enqueue(item);
            return true;
        }

        // Created stopped: a timer that fires at once would wait for the gate, find nothing parked, and the item would be lost.
        ITimer timer = _time.CreateTimer(_ => Unpark(item), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _parked.Add(item, timer);
        if (_isClosed)
        {
            timer.Dispose();
        }
        else
        {
            timer.Change(delay, Timeout.InfiniteTimeSpan);
        }

        return false;
    }

    private bool TryAdvanceLane_NeedsGate(object? key)
    {
        if (key is null)
        {
            return false;
        }

        if (!_waitingByKey[key].TryDequeue(out WorkItem<T>? next))
        {
            _waitingByKey.Remove(key);
            return false;
        }

        _waiting--;
        _ready.Enqueue(next);
        return true;
    }

    private void Unpark(WorkItem<T> item)
    {
        lock (_gate)
        {
            if (_isClosed || !_parked.Remove(item, out ITimer? timer))
            {
                return;
            }

            timer.Dispose();
            _ready.Enqueue(item);
        }

        _available.Release();
    }
}
