using EmbeddedMq.Journal.Faster;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Journal;

/// <summary>For whom a commit waits, and how long.</summary>
public sealed class GatheringTests
{
    // Each look at it makes a little time pass.
    private readonly FakeTimeProvider _time = new() { AutoAdvanceAmount = TimeSpan.FromMicroseconds(1) };

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
        gathering.EndSync(2);
        gathering.Wait();
        Assert.InRange(looks, 2, 10_002);
    }

    private double MicrosecondsOfWait(Gathering gathering)
    {
        DateTimeOffset start = _time.GetUtcNow();
        gathering.Wait();
        return (_time.GetUtcNow() - start).TotalMicroseconds;
    }

    private void Sync(Gathering gathering, int microseconds, int answered)
    {
        gathering.BeginSync();
        _time.Advance(TimeSpan.FromMicroseconds(microseconds));
        gathering.EndSync(answered);
    }
}
