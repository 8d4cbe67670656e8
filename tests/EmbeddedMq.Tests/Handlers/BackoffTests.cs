namespace EmbeddedMq.Tests.Handlers;

public sealed class BackoffTests
{
    [Fact]
    public void Fixed_AnyRetry_GivesTheSameDelay()
    {
        Backoff backoff = Backoff.Fixed(TimeSpan.FromSeconds(5));
        Assert.Equal([5_000, 5_000, 5_000], Milliseconds(backoff, 3));
    }

    [Fact]
    public void Steps_BeyondTheLast_RepeatsIt()
    {
        Backoff backoff = Backoff.Steps(TimeSpan.Zero, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        Assert.Equal([0, 1_000, 10_000, 10_000, 10_000], Milliseconds(backoff, 5));
    }

    [Fact]
    public void Exponential_Grows_UntilItsMaximum()
    {
        Backoff backoff = Backoff.Exponential(TimeSpan.FromMilliseconds(100), factor: 3, max: TimeSpan.FromSeconds(2));
        Assert.Equal([100, 300, 900, 2_000, 2_000], Milliseconds(backoff, 5));
    }

    [Fact]
    public void Exponential_ManyRetries_StopsAtTwentyFourDays()
        => Assert.Equal(TimeSpan.FromDays(24), Backoff.Exponential(TimeSpan.FromSeconds(1)).GetDelay(1_000));

    [Fact]
    public void None_AnyRetry_IsAtOnce() => Assert.Equal(TimeSpan.Zero, Backoff.None.GetDelay(7));

    [Fact]
    public void GetDelay_FractionOfAMillisecond_IsCutOff()
        => Assert.Equal(TimeSpan.FromMilliseconds(1), Backoff.Fixed(TimeSpan.FromTicks(19_999)).GetDelay(1));

    [Fact]
    public void Backoff_OutOfRange_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Backoff.Fixed(TimeSpan.FromSeconds(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backoff.Fixed(TimeSpan.FromDays(25)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backoff.Steps());
        Assert.Throws<ArgumentOutOfRangeException>(() => Backoff.Exponential(TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backoff.Exponential(TimeSpan.FromSeconds(1), factor: 0.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backoff.Exponential(TimeSpan.FromSeconds(2), max: TimeSpan.FromSeconds(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Backoff.None.GetDelay(0));
    }

    private static double[] Milliseconds(Backoff backoff, int retries)
        => [.. Enumerable.Range(1, retries).Select(retry => backoff.GetDelay(retry).TotalMilliseconds)];
}
