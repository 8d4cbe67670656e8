using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Tests.Handlers;

public sealed class RetryRulesTests
{
    [Fact]
    public void DelayAfter_FailuresOfSeveralKinds_AreCountedTogether()
    {
        RetryRules rules = new()
        {
            Rules = [new RetryRule(static error => error is TimeoutException, 5, Backoff.Exponential(TimeSpan.FromSeconds(1)))],
            Else = new RetryRule(static _ => true, 2, Backoff.Fixed(TimeSpan.FromSeconds(10))),
        };

        Assert.Equal(TimeSpan.FromSeconds(10), rules.DelayAfter(new IOException(), 1));
        Assert.Equal(TimeSpan.FromSeconds(2), rules.DelayAfter(new TimeoutException(), 2));
        Assert.Null(rules.DelayAfter(new IOException(), 3));
        Assert.Equal(TimeSpan.FromSeconds(16), rules.DelayAfter(new TimeoutException(), 5));
        Assert.Null(rules.DelayAfter(new TimeoutException(), 6));
    }

    [Fact]
    public void Delays_AllRules_AreDistinctAndOrderedWithoutZero()
    {
        RetryRules rules = new()
        {
            Rules =
            [
                new RetryRule(static _ => true, 3, Backoff.Steps(TimeSpan.Zero, TimeSpan.FromSeconds(5))),
                new RetryRule(static _ => true, 0, Backoff.None),
            ],
            Else = new RetryRule(static _ => true, 2, Backoff.Exponential(TimeSpan.FromSeconds(1), 5)),
        };

        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)], rules.Delays());
        Assert.Empty(RetryRules.None.Delays());
    }
}
