namespace EmbeddedMq.Threading;

/// <summary>Does everything that the broker does over time: expiry, delays, time-outs. One heap of appointments, one timer.</summary>
/// <remarks>
/// Thread-safe. Appointments that were moved stay in the heap until they come up or until they are the larger part of it; then the heap is
/// built again without them. Work runs on the timer's thread, in order of its due time, then of its scheduling, outside the gate; with a
/// virtual clock that is the thread that advances it, so that all that was due has been done when the advance returns.
/// </remarks>
internal sealed class Scheduler : IDisposable
{
    // Below this size a heap of outdated appointments costs nothing worth saving.
    private const int SmallHeap = 1_024;

    private readonly BrokerClock _clock;
    private readonly Action<Exception> _report;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private readonly PriorityQueue<Appointment, (long DueMs, long Order)> _heap = new();
    private long _order;
    private int _outdated;
    private long _armedFor = ScheduledWork.Never;
    private bool _running;
    private bool _disposed;

    /// <summary>Makes a scheduler.</summary>
    /// <param name="clock">The clock that due times refer to.</param>
    /// <param name="report">Takes what a work threw; the next goes on.</param>
    internal Scheduler(BrokerClock clock, Action<Exception> report)
    {
        _clock = clock;
        _report = report;
        _timer = clock.TimeProvider.CreateTimer(static state => ((Scheduler)state!).RunDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The clock that due times refer to.</summary>
    internal BrokerClock Clock => _clock;

    /// <summary>Makes, moves or (with <see cref="ScheduledWork.Never"/>) cancels a work's appointment.</summary>
    /// <param name="work">The work.</param>
    /// <param name="dueMs">When, in milliseconds of the broker's clock; a time gone by means as soon as possible.</param>
    internal void Schedule(ScheduledWork work, long dueMs)
    {
        lock (_gate)
        {
            if (_disposed || work.DueMs == dueMs)
            {
                return;
            }

            if (work.DueMs != ScheduledWork.Never)
            {
                _outdated++;
            }

            work.DueMs = dueMs;
            work.Version++;
            if (dueMs != ScheduledWork.Never)
            {
                _heap.Enqueue(new Appointment(work, work.Version), (dueMs, _order++));
                Arm(dueMs);
            }

            DropOutdated();
        }
    }

    /// <summary>Stops the timer. Nothing runs afterwards, but for work that had begun.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _heap.Clear();
        }

        _timer.Dispose();
    }

    private void RunDue()
    {
        lock (_gate)
        {
            _armedFor = ScheduledWork.Never;
            if (_running)
            {
                return; // the thread that runs them looks again before it leaves
            }

            _running = true;
        }

        while (TryTakeDue(out ScheduledWork? work))
        {
            try
            {
                work.Run();
            }
            catch (Exception error)
            {
                _report(error);
            }
        }
    }

    private bool TryTakeDue([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ScheduledWork? work)
    {
        lock (_gate)
        {
            while (!_disposed && _heap.TryPeek(out Appointment next, out (long DueMs, long Order) priority))
            {
                if (next.Version != next.Work.Version)
                {
                    _heap.Dequeue();
                    _outdated--;
                    continue;
                }

                if (priority.DueMs > _clock.NowMs)
                {
                    Arm(priority.DueMs);
                    break;
                }

                _heap.Dequeue();
                work = next.Work;
                work.DueMs = ScheduledWork.Never;
                work.Version++;
                return true;
            }

            _running = false;
            work = null;
            return false;
        }
    }

    private void Arm(long dueMs)
    {
        if (dueMs >= _armedFor)
        {
            return;
        }

        _armedFor = dueMs;

        // Timers take at most 2^32 - 2 ms; one that is due later is armed again when this one fires. And not 0: a virtual clock runs such a timer
        // within this call, under this gate and those of the caller.
        long delayMs = Math.Clamp(dueMs - _clock.NowMs, 1, uint.MaxValue - 2L);
        _timer.Change(TimeSpan.FromMilliseconds(delayMs), Timeout.InfiniteTimeSpan);
    }

    private void DropOutdated()
    {
        if (_heap.Count < SmallHeap || _outdated <= _heap.Count / 2)
        {
            return;
        }

        (Appointment Element, (long DueMs, long Order) Priority)[] current =
            [.. _heap.UnorderedItems.Where(static item => item.Element.Version == item.Element.Work.Version)];
        _heap.Clear();
        _heap.EnqueueRange(current);
        _outdated = 0;
    }

    private readonly record struct Appointment(ScheduledWork Work, int Version);
}
