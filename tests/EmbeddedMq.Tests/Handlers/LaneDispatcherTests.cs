using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Handlers;

public sealed class LaneDispatcherTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Close_HoldsAllKinds_CountsEachOnce()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource parked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        LaneDispatcher<string> dispatcher = new(
            1,
            async item =>
            {
                switch (item.Message)
                {
                    case "park":
                        parked.SetResult();
                        return TimeSpan.FromHours(1);
                    default:
                        begun.SetResult();
                        await hold.Task;
                        return null;
                }
            },
            _time);
        await dispatcher.PostAsync(Item("park", "p"));
        await parked.Task.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
        await dispatcher.PostAsync(Item("run", "a"));
        await begun.Task.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
        await dispatcher.PostAsync(Item("behind the parked", "p"));
        await dispatcher.PostAsync(Item("behind the running", "a"));
        await dispatcher.PostAsync(Item("ready", null));

        Task closed = dispatcher.CloseAsync();
        Assert.Equal((4, 1), (dispatcher.UnstartedCount, dispatcher.ActiveCount));
        Assert.False(closed.IsCompleted);
        hold.SetResult();
        await closed.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
        await dispatcher.CloseAsync();
        _time.Advance(TimeSpan.FromDays(1));

        Assert.Equal((4, 0), (dispatcher.UnstartedCount, dispatcher.ActiveCount));
    }

    [Fact]
    public async Task Item_AsksToWait_ComesBackWhenItsTimeHasCome()
    {
        int calls = 0;
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        LaneDispatcher<string> dispatcher = new(
            2,
            _ =>
            {
                if (++calls == 3)
                {
                    done.SetResult();
                }

                return new ValueTask<TimeSpan?>(calls switch { 1 => TimeSpan.Zero, 2 => TimeSpan.FromSeconds(1), _ => null });
            },
            _time);

        await dispatcher.PostAsync(Item("x", "k"));
        await Patiently.YieldUntilAsync(() => done.Task.IsCompleted, "the third call", () => _time.Advance(TimeSpan.FromMilliseconds(100)));

        await dispatcher.CloseAsync();
        Assert.Equal((3, 0), (calls, dispatcher.UnstartedCount));
    }

    [Fact]
    public async Task Items_PostedWhileWorkersComeAndGo_AreAllHandledAndThoseOfAKeyInOrder()
    {
        const int Count = 20_000;
        const int Keys = 3;
        int left = Count;
        int outOfOrder = 0;
        int[] last = new int[Keys];
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        LaneDispatcher<string> dispatcher = new(
            4,
            async item =>
            {
                if (item.FailedAttempts % 7 == 0)
                {
                    await Task.Yield(); // the worker goes elsewhere, and others run out of work meanwhile
                }

                if (item.Key is int key && Interlocked.Exchange(ref last[key], item.FailedAttempts) > item.FailedAttempts)
                {
                    Interlocked.Increment(ref outOfOrder);
                }

                if (Interlocked.Decrement(ref left) == 0)
                {
                    done.SetResult();
                }

                return null;
            },
            _time);

        for (int i = 0; i < Count; i++)
        {
            // Every fourth has no key. The number of the item stands in its attempts.
            await dispatcher.PostAsync(new WorkItem<string>(default, i) { Message = "", IsRead = true, Key = i % 4 == Keys ? null : i % 4 });
            if (i % 100 == 0)
            {
                await Task.Yield();
            }
        }

        await done.Task.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
        await dispatcher.CloseAsync();
        Assert.Equal((0, 0, 0), (outOfOrder, dispatcher.UnstartedCount, dispatcher.ActiveCount));
    }

    private static WorkItem<string> Item(string text, string? key) => new(default, 0) { Message = text, IsRead = true, Key = key };
}
