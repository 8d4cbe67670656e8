using EmbeddedMq.Exploration.Tests.Exploring;

namespace EmbeddedMq.Exploration.Tests;

public sealed class ExplorerTests
{
    /// <summary>The explorer finds a race that needs one switch at the right place.</summary>
    [Fact]
    public async Task Explorer_CounterReadAndWrittenUnderTwoLocks_FindsTheLostUpdate()
    {
        ExplorationException error = await Assert.ThrowsAsync<ExplorationException>(() => Explorer.ExploreAsync(
            static scenario =>
            {
                Lock gate = new();
                int counter = 0;
                scenario.Thread("one", Increment);
                scenario.Thread("two", Increment);
                scenario.Check = () =>
                {
                    Assert.Equal(2, counter);
                    return Task.CompletedTask;
                };
                return Task.CompletedTask;

                void Increment()
                {
                    int seen;
                    lock (gate)
                    {
                        seen = counter;
                    }

                    lock (gate)
                    {
                        counter = seen + 1;
                    }
                }
            },
            seed: 1,
            most: 50));
        Assert.Contains("new Schedule(", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The explorer finds locks taken in opposite order.</summary>
    [Fact]
    public async Task Explorer_LocksTakenInOppositeOrder_FindsTheDeadlock()
        => await Assert.ThrowsAsync<ExplorationException>(() => Explorer.ExploreAsync(
            static scenario =>
            {
                Lock left = new();
                Lock right = new();
                int taken = 0;
                scenario.Thread("left first", () => Take(left, right));
                scenario.Thread("right first", () => Take(right, left));
                return Task.CompletedTask;

                void Take(Lock outer, Lock inner)
                {
                    lock (outer)
                    {
                        lock (inner)
                        {
                            taken++;
                        }
                    }
                }
            },
            seed: 1,
            most: 50));
}
