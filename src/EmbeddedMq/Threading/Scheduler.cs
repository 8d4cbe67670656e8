namespace EmbeddedMq.Threading;

/// <summary>Does everything that the broker does over time: expiry, delays, time-outs. One heap of appointments, a few timers.</summary>
/// <remarks>
/// <para>Thread-safe. Appointments that were moved stay in the heap until they come up or until they are the larger part of it; then the heap is
/// built again without them. Work runs on the timer's thread, in order of its due time, then of its scheduling, outside the gate; with a
/// virtual clock that is the thread that advances it, so that all that was due has been done when the advance returns.</para>
/// <para>For that a timer that is set stays so: when something earlier comes, another one is set for it. A thread that set the same one to an earlier time
/// beside an advance would tell a clock that has moved meanwhile how long to wait, and all that was due would be late by as much.</para>
/// </remarks>
internal sealed class Scheduler : IDisposable
{
    // Below this size a heap of outdated appointments costs nothing worth saving.
    private const int SmallHeap = 1_024;

    // Each but the first is set for something that came later and is due earlier than all the others were; they come free again as they go off.
    private const int MostAlarms = 8;

    private readonly BrokerClock _clock;
    private readonly Action<Exception> _report;
    private readonly Lock _gate = new();

    // Guarded by _gate.
    private readonly PriorityQueue<Appointment, (long DueMs, long Order)> _heap = new();
    private long _order;
    private int _outdated;
    private readonly List<Alarm> _alarms = [];
    private long _armedFor = ScheduledWork.Never; // the earliest of them
    private bool _running;
    private bool _disposed;

    /// <summary>Makes a scheduler.</summary>
    /// <param name="clock">The clock that due times refer to.</param>
    /// <param name="report">Takes what a work threw; the next goes on.</param>
    internal Scheduler(BrokerClock clock, Action<Exception> report)
    {
        _clock = clock;
        _report = report;
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

        _alarms.ForEach(static alarm => alarm.Timer.Dispose());
    }

    private void RunDue(Alarm alarm)
    {
        lock (_gate)
        {
            Free_NeedsGate(alarm);
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

        Alarm alarm = FreeAlarm();
        alarm.DueMs = dueMs;
        _armedFor = dueMs;

        // Timers take at most 2^32 - 2 ms; one that is due later is armed again when this one fires. And not 0: a virtual clock runs such a timer
        // within this call, under this gate and those of the caller.
        long delayMs = Math.Clamp(dueMs - _clock.NowMs, 1, uint.MaxValue - 2L);
        alarm.Timer.Change(TimeSpan.FromMilliseconds(delayMs), Timeout.InfiniteTimeSpan);
    }

    // With those whose time has come as well: they go off beside this, or are late, as the remarks say.
    private void Free_NeedsGate(Alarm gone)
    {
        long now = _clock.NowMs;
        _armedFor = ScheduledWork.Never;
        foreach (Alarm alarm in _alarms)
        {
            alarm.DueMs = alarm == gone || alarm.DueMs <= now ? ScheduledWork.Never : alarm.DueMs;
            _armedFor = Math.Min(_armedFor, alarm.DueMs);
        }
    }

    // With all of them set, the one that would have gone off first: when it does, it is set again for what is due then.
    private Alarm FreeAlarm()
    {
        Alarm? free = _alarms.Find(static alarm => alarm.DueMs == ScheduledWork.Never);
        if (free is null && _alarms.Count < MostAlarms)
        {
            free = new Alarm(this);
            _alarms.Add(free);
        }

        return free ?? _alarms.MinBy(static alarm => alarm.DueMs)!;
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

    private sealed class Alarm
    {
        internal Alarm(Scheduler scheduler) => Timer = scheduler._clock.TimeProvider.CreateTimer(
            _ => scheduler.RunDue(this), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        internal ITimer Timer { get; }

        internal long DueMs { get; set; } = ScheduledWork.Never; // guarded by the scheduler's gate
    }
}
