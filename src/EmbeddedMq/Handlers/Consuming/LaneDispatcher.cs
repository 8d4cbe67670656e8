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
    private readonly SemaphoreSlim _wakes = new(0); // one permit for each idle worker that is called: workers that find something ready never come here
    private readonly Task _workers;

    // Guarded by _gate.
    private readonly Lock _gate = new();
    private readonly Queue<WorkItem<T>> _ready = new();
    private readonly Dictionary<object, Queue<WorkItem<T>>> _waitingByKey = [];
    private readonly Dictionary<WorkItem<T>, ITimer> _parked = [];
    private int _waiting;
    private int _active;
    private int _idle; // workers that found nothing ready and have not been called since
    private bool _isClosed;

    /// <summary>Starts the workers.</summary>
    /// <param name="concurrency">How many.</param>
    /// <param name="process">Handles a delivery; gives the delay after which it is to be handled again, or <see langword="null"/> when done.</param>
    /// <param name="time">The clock.</param>
    public LaneDispatcher(int concurrency, Func<WorkItem<T>, ValueTask<TimeSpan?>> process, TimeProvider time)
    {
        _process = process;
        _time = time;
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
        bool calls;
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

            calls = MakeReady_NeedsGate(item);
        }

        if (calls)
        {
            _wakes.Release();
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public Task CloseAsync()
    {
        int called;
        lock (_gate)
        {
            _isClosed = true;
            called = _idle;
            _idle = 0;
            foreach (ITimer timer in _parked.Values)
            {
                timer.Dispose();
            }
        }

        if (called > 0)
        {
            _wakes.Release(called);
        }

        return _workers;
    }

    private async Task WorkAsync()
    {
        WorkItem<T>? item = null;
        TimeSpan? again = null;
        while (TryMoveOn(ref item, again))
        {
            if (item is null)
            {
                await _wakes.WaitAsync().ConfigureAwait(false);
            }
            else
            {
                again = await _process(item).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Finishes a worker's delivery and takes the next one: once through the gate for both.</summary>
    /// <param name="item">What it has processed, if anything; then the next delivery, or <see langword="null"/> when none is ready and the worker is to wait.</param>
    /// <param name="again">After how long what it has processed is to be handled again.</param>
    /// <returns><see langword="false"/> when the dispatcher is closed.</returns>
    private bool TryMoveOn(ref WorkItem<T>? item, TimeSpan? again)
    {
        lock (_gate)
        {
            if (item is not null)
            {
                _active--;
                Finish_NeedsGate(item, again);
                item = null;
            }

            if (_isClosed)
            {
                return false;
            }

            if (_ready.TryDequeue(out item))
            {
                _active++;
            }
            else
            {
                _idle++;
            }

            return true;
        }
    }

    // What becomes ready here calls nobody: the worker that finishes is about to take one.
    private void Finish_NeedsGate(WorkItem<T> item, TimeSpan? again)
    {
        if (again is { } delay)
        {
            if (delay == TimeSpan.Zero)
            {
                _ready.Enqueue(item);
            }
            else
            {
                Park_NeedsGate(item, delay);
            }
        }
        else if (item.Key is not null)
        {
            AdvanceLane_NeedsGate(item.Key);
        }
    }

    // Whether an idle worker is to be called, after the gate.
    private bool MakeReady_NeedsGate(WorkItem<T> item)
    {
        _ready.Enqueue(item);
        if (_idle == 0)
        {
            return false;
        }

        _idle--;
        return true;
    }

    // A closed dispatcher keeps the item among the parked, so that it is counted as not handled.
    private void Park_NeedsGate(WorkItem<T> item, TimeSpan delay)
    {
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
    }

    private void AdvanceLane_NeedsGate(object key)
    {
        if (_waitingByKey[key].TryDequeue(out WorkItem<T>? next))
        {
            _waiting--;
            _ready.Enqueue(next);
        }
        else
        {
            _waitingByKey.Remove(key);
        }
    }

    private void Unpark(WorkItem<T> item)
    {
        bool calls;
        lock (_gate)
        {
            if (_isClosed || !_parked.Remove(item, out ITimer? timer))
            {
                return;
            }

            timer.Dispose();
            calls = MakeReady_NeedsGate(item);
        }

        if (calls)
        {
            _wakes.Release();
        }
    }
}
