using EmbeddedMq.Journal.Faster;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Journal;

/// <summary>For whom a commit waits, and how long.</summary>
public sealed class GatheringTests
{
    // Each look at it makes a little time pass.
    private readonly FakeTimeProvider _time = new() { AutoAdvanceAmount = TimeSpan.FromMicroseconds(1) };

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public void Wait_ManyWereAnsweredAndComeBack_EndsWhenAllAreThere()
    {
        int waiting = 20;
        int looks = 0;
        Gathering gathering = new(_time, () => looks++ == 0 ? waiting : waiting++);
        Sync(gathering, microseconds: 400, answered: 30);
        gathering.Wait();
        Assert.Equal(51, waiting); // those who waited already, and those who were answered; one more by the last look
    }

    [Fact]
    public void Wait_NobodyComesBack_EndsWhenTheSyncBeforeWouldHave()
    {
        Gathering gathering = new(_time, static () => 0);
        Sync(gathering, microseconds: 100, answered: 2);
        Assert.InRange(MicrosecondsOfWait(gathering), 100, 105);
    }

    [Fact]
    public void Wait_AfterASlowSync_IsShort()
    {
        Gathering gathering = new(_time, static () => 0);
        Sync(gathering, microseconds: 100_000, answered: 2);
        Assert.InRange(MicrosecondsOfWait(gathering), 500, 505);
    }

    [Theory]
    [InlineData(512 << 10, 16)] // half as many bring enough for a sync
    [InlineData(256 << 10, 32)]
    [InlineData(0, 32)]
    public void Wait_ThereAreEnoughBytes_EndsBeforeAllAreThere(long bytes, int expected)
    {
        int waiting = 0;
        Gathering gathering = new(_time, () => waiting++);
        Sync(gathering, microseconds: 400, answered: 32, bytes);
        waiting = 0;
        gathering.Wait();
        Assert.Equal(expected + 1, waiting); // one more by the last look
    }

    [Fact]
    public void Wait_OneOfThemIsEnough_DoesNotWait()
    {
        Gathering gathering = new(_time, static () => 0);
        Sync(gathering, microseconds: 100, answered: 8, bytes: 8 << 20);
        Assert.InRange(MicrosecondsOfWait(gathering), 0, 2);
    }

    [Fact]
    public void Wait_OneWasAnswered_DoesNotWait()
    {
        Gathering gathering = new(_time, static () => 0);
        Sync(gathering, microseconds: 100, answered: 1);
        Assert.InRange(MicrosecondsOfWait(gathering), 0, 2);
    }

    [Fact]
    public void Wait_ASecondTimeAfterOneSync_DoesNotWait()
    {
        Gathering gathering = new(_time, static () => 0);
        Sync(gathering, microseconds: 100, answered: 2);
        gathering.Wait();
        Assert.InRange(MicrosecondsOfWait(gathering), 0, 2);
    }

    [Fact]
    public void Wait_InVainAgainAndAgain_IsTriedLessAndLess()
    {
        Gathering gathering = new(_time, static () => 0);
        List<int> waited = [];
        for (int commit = 0; commit < 300; commit++)
        {
            Sync(gathering, microseconds: 100, answered: 2);
            if (MicrosecondsOfWait(gathering) > 2)
            {
                waited.Add(commit);
            }
        }

        Assert.Equal([0, 2, 5, 10, 19, 36, 69, 134, 199, 264], waited);
    }

    [Fact]
    public void Wait_SucceedsAfterItWasInVain_IsTriedEachTimeAgain()
    {
        int waiting = 0;
        Gathering gathering = new(_time, () => waiting);
        Sync(gathering, microseconds: 100, answered: 2);
        gathering.Wait();
        Sync(gathering, microseconds: 100, answered: 2);
        gathering.Wait(); // passed over
        Sync(gathering, microseconds: 100, answered: 2);
        waiting = 2;
        gathering.Wait();
        waiting = 0;
        Sync(gathering, microseconds: 100, answered: 2);
        Assert.InRange(MicrosecondsOfWait(gathering), 100, 105);
    }

    [Fact]
    public void Wait_TheClockStandsStill_Ends()
    {
        FakeTimeProvider stopped = new();
        int looks = 0;
        Gathering gathering = new(stopped, () => looks++ * 0);
        gathering.BeginSync();
        stopped.Advance(TimeSpan.FromSeconds(1));
        gathering.EndSync(2, 1_000);
        gathering.Wait();
        Assert.InRange(looks, 2, 2_002);
    }

    [Fact]
    public void Wait_ManyAreExpectedAndNobodyComes_Ends()
    {
        Gathering gathering = new(_time, static () => 0);
        Sync(gathering, microseconds: 100, answered: 256);
        Assert.InRange(MicrosecondsOfWait(gathering), 0, 2); // it sleeps, and does not look
    }

    [Fact]
    public void Wait_ManyAreExpectedAndCome_IsWokenWhenMostAreThere()
    {
        WaiterList waiters = new();
        Gathering gathering = new(_time, () => waiters.Count, longestSleepMs: 60_000);
        for (int round = 0; round < 10; round++)
        {
            Sync(gathering, microseconds: 100, answered: 256);
            Thread publisher = new(() =>
            {
                for (int i = 0; i < 256; i++)
                {
                    gathering.NoteArrived(waiters.Add(new TaskWaiter(Durability.Synced)));
                }
            });
            long start = TimeProvider.System.GetTimestamp();
            publisher.Start();
            gathering.Wait();
            Assert.InRange(waiters.Count, 192, 256);
            Assert.InRange(TimeProvider.System.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(60)); // or nobody has woken it
            publisher.Join();
            waiters.TakeAll();
        }
    }

    [Fact]
    public void Wake_WhileItSleeps_EndsTheSleep()
    {
        using ManualResetEventSlim looked = new();
        Gathering gathering = new(_time, () => LookedAt(looked), longestSleepMs: Timeout.Infinite);
        Sync(gathering, microseconds: 100, answered: 256);
        looked.Reset();
        Thread waker = new(() =>
        {
            looked.Wait(Cancelled); // it looks with its gate held, and leaves that only to sleep
            gathering.Wake();
        });
        waker.Start();
        gathering.Wait();
        waker.Join();
        Assert.True(looked.IsSet);
    }

    [Fact]
    public void NoteArrived_NobodyWaits_DoesNothing()
    {
        Gathering gathering = new(_time, static () => 0);
        gathering.NoteArrived(1);
        gathering.NoteArrived(256);
        Assert.InRange(MicrosecondsOfWait(gathering), 0, 2);
    }

    private static int LookedAt(ManualResetEventSlim looked)
    {
        looked.Set();
        return 0;
    }

    private double MicrosecondsOfWait(Gathering gathering)
    {
        DateTimeOffset start = _time.GetUtcNow();
        gathering.Wait();
        return (_time.GetUtcNow() - start).TotalMicroseconds;
    }

    private void Sync(Gathering gathering, int microseconds, int answered, long bytes = 1_000)
    {
        gathering.BeginSync();
        _time.Advance(TimeSpan.FromMicroseconds(microseconds));
        gathering.EndSync(answered, bytes);
    }
}
