using EmbeddedMq.TestSupport;
using EmbeddedMq.Threading;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Threading;

public sealed class SchedulerTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<Exception> _reported = [];
    private readonly Scheduler _scheduler;

    public SchedulerTests()
    {
        _scheduler = new Scheduler(new BrokerClock(_time), _reported.Add);
    }

    public void Dispose() => _scheduler.Dispose();

    [Fact]
    public void Work_RunsInOrderOfItsTimeThenOfItsScheduling()
    {
        List<string> run = [];
        Schedule("b", 20, run);
        Schedule("a", 10, run);
        Schedule("c", 20, run);
        Schedule("d", 21, run);

        Advance(20);
        Assert.Equal(["a", "b", "c"], run);
        Advance(1);
        Assert.Equal(["a", "b", "c", "d"], run);
    }

    [Fact]
    public void Work_MovedOrCancelled_RunsAtItsLastTimeOnly()
    {
        List<string> run = [];
        Work moved = Schedule("moved", 10, run);
        Work earlier = Schedule("earlier", 100, run);
        Work cancelled = Schedule("cancelled", 10, run);
        _scheduler.Schedule(moved, 30);
        _scheduler.Schedule(earlier, 5);
        _scheduler.Schedule(cancelled, ScheduledWork.Never);

        Advance(29);
        Assert.Equal(["earlier"], run);
        Advance(100);
        Assert.Equal(["earlier", "moved"], run);
    }

    [Fact]
    public void Work_TimeMovesWhileAnotherThreadSchedulesEarlierWork_RunsWhenItIsDue()
    {
        MovingClock clock = new();
        using Scheduler scheduler = new(new BrokerClock(clock), _reported.Add);
        List<string> run = [];
        scheduler.Schedule(new Work(() => run.Add("due")), 10_000);
        clock.MovesWhileATimerIsSet = TimeSpan.FromSeconds(60);
        scheduler.Schedule(new Work(() => run.Add("earlier")), 1_000);

        clock.RunTimers();
        Assert.Equal(["earlier", "due"], run);
    }

    [Fact]
    public void Work_EachEarlierThanTheLast_AllRunInTime()
    {
        List<string> run = [];
        for (int i = 20; i > 0; i--)
        {
            Schedule($"{i}", i * 10, run);
        }

        for (int i = 1; i <= 20; i++)
        {
            Advance(10);
            Assert.Equal(i, run.Count);
            Assert.Equal($"{i}", run[^1]);
        }
    }

    [Fact]
    public void Work_ThatSchedulesItselfAndOthers_GoesOnInTheSameAdvance()
    {
        List<long> run = [];
        Work? ticking = null;
        ticking = new Work(() =>
        {
            run.Add(_scheduler.Clock.NowMs);
            _scheduler.Schedule(ticking!, _scheduler.Clock.NowMs + 10);
        });
        _scheduler.Schedule(ticking, 10);

        for (int i = 0; i < 5; i++)
        {
            Advance(10);
        }

        Assert.Equal([10, 20, 30, 40, 50], run);
    }

    [Fact]
    public void Work_ThatThrows_IsReportedAndHoldsNobodyUp()
    {
        List<string> run = [];
        _scheduler.Schedule(new Work(static () => throw new InvalidOperationException("planted")), 10);
        Schedule("next", 10, run);

        Advance(10);

        Assert.Equal(["next"], run);
        Assert.Equal("planted", Assert.Single(_reported).Message);
    }

    // Callers hold the gates of their queues.
    [Theory]
    [InlineData(0)]
    [InlineData(-100)]
    public void Schedule_OfATimeGoneBy_DoesNotRunWithinTheCall(int relativeMs)
    {
        Advance(1_000);
        List<string> run = [];

        Schedule("late", 1_000 + relativeMs, run);
        Assert.Empty(run);
        Advance(1);

        Assert.Equal(["late"], run);
    }

    [Fact]
    public void Work_FurtherAwayThanATimerReaches_RunsOnTime()
    {
        const long TenYearsMs = 315_360_000_000;
        List<string> run = [];
        Schedule("far", TenYearsMs, run);

        _time.Advance(TimeSpan.FromMilliseconds(TenYearsMs - 1));
        Assert.Empty(run);
        Advance(1);
        Assert.Equal(["far"], run);
    }

    [Fact]
    public void Work_InProgressWhenTheTimerComesAgain_IsNotOvertakenAndNothingIsForgotten()
    {
        List<string> run = [];
        _scheduler.Schedule(
            new Work(() =>
            {
                Schedule("later", 20, run);
                Advance(10); // the timer's thread of another time: it finds this one at work
                run.Add("first");
            }),
            10);

        Advance(10);

        Assert.Equal(["first", "later"], run);
    }

    [Fact]
    public void Dispose_WithAppointments_RunsNothingAnyMore()
    {
        List<string> run = [];
        Work work = Schedule("work", 10, run);
        _scheduler.Dispose();
        _scheduler.Schedule(work, 20);

        Advance(100);

        Assert.Empty(run);
    }

    /// <summary>Against a plain table of due times; moved often enough for the heap to be built again.</summary>
    [Fact]
    public void Scheduler_AnyUse_RunsEachWorkAtItsTime()
    {
        int seed = Seeds.Pick(17);
        Random random = Seeds.Generator(seed);
        Dictionary<int, long> due = [];
        List<(int Work, long At)> run = [];
        Work[] works = [.. Enumerable.Range(0, 2_000).Select(i => new Work(() => run.Add((i, _scheduler.Clock.NowMs))))];
        for (int step = 0; step < 50_000; step++)
        {
            int work = random.Next(works.Length);
            if (random.Next(5) == 0)
            {
                _scheduler.Schedule(works[work], ScheduledWork.Never);
                due.Remove(work);
            }
            else
            {
                long at = _scheduler.Clock.NowMs + random.Next(1, random.Next(10) == 0 ? 50 : 100_000); // most outdated ones stay in the heap
                _scheduler.Schedule(works[work], at);
                due[work] = at;
            }

            if (random.Next(20) == 0)
            {
                // To the millisecond, so that each runs at its own time.
                for (int ms = random.Next(5); ms >= 0; ms--)
                {
                    Advance(1);
                    long now = _scheduler.Clock.NowMs;
                    int[] expected = [.. due.Where(item => item.Value == now).Select(static item => item.Key).Order()];
                    Assert.True(expected.SequenceEqual(run.Select(static item => item.Work).Order()), $"Seed {seed}, step {step}, {now} ms.");
                    Assert.All(run, item => Assert.Equal(now, item.At));
                    Assert.All(expected, item => due.Remove(item));
                    run.Clear();
                }
            }
        }

        Assert.Empty(_reported);
    }

    private Work Schedule(string name, long dueMs, List<string> run)
    {
        Work work = new(() => run.Add(name));
        _scheduler.Schedule(work, dueMs);
        return work;
    }

    private void Advance(int milliseconds) => _time.Advance(TimeSpan.FromMilliseconds(milliseconds));

    private sealed class Work(Action action) : ScheduledWork
    {
        internal override void Run() => action();
    }

    // A virtual clock that another thread moves at a moment of the test's choice.
    private sealed class MovingClock : TimeProvider
    {
        private readonly List<Timer> _timers = [];
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        internal TimeSpan MovesWhileATimerIsSet { get; set; }

        public override long GetTimestamp() => _now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Timer timer = new(this, callback, state);
            _timers.Add(timer);
            return timer;
        }

        internal void RunTimers()
        {
            foreach (Timer timer in _timers.Where(timer => timer.DueAt <= _now).ToArray())
            {
                timer.Run();
            }
        }

        private sealed class Timer(MovingClock clock, TimerCallback callback, object? state) : ITimer
        {
            internal long DueAt { get; private set; } = long.MaxValue;

            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                clock._now += clock.MovesWhileATimerIsSet.Ticks;
                DueAt = clock._now + dueTime.Ticks;
                return true;
            }

            public void Dispose()
            {
                // Nothing runs it then.
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;

            internal void Run()
            {
                DueAt = long.MaxValue;
                callback(state);
            }
        }
    }
}
