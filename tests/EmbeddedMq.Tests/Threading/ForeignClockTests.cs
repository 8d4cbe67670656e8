using EmbeddedMq.Threading;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Threading;

/// <summary>That no timer runs inside a question for the time, which the broker asks under its gates.</summary>
public sealed class ForeignClockTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Advance_RunsWhatIsDue()
    {
        FakeTimeProvider inner = new();
        int runs = 0;
        using ITimer timer = ForeignClock.Of(inner).CreateTimer(_ => runs++, null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);

        inner.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task Ask_WithATimerDue_RunsItElsewhere()
    {
        FakeTimeProvider inner = new();
        TimeProvider clock = ForeignClock.Of(inner);
        TaskCompletionSource<Thread> ran = new();
        using ITimer timer = clock.CreateTimer(_ => ran.SetResult(Thread.CurrentThread), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Thread? asking = null;
        Thread thread = new(() =>
        {
            asking = Thread.CurrentThread;
            timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan); // due at once: this clock runs it inside the call
            clock.GetTimestamp();
        });
        thread.Start();
        thread.Join();

        Assert.NotSame(asking, await ran.Task.WaitAsync(Token));
        Assert.Same(TimeProvider.System, ForeignClock.Of(TimeProvider.System));
    }
}
