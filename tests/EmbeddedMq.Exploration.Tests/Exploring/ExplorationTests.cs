using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>Tests that run each of their scenarios under some hundred schedules; <c>EMBEDDEDMQ_SCHEDULES</c> says otherwise.</summary>
public abstract class ExplorationTests(ITestOutputHelper output)
{
    private const int SchedulesEach = 400;

    private protected Task ExploreAsync(Func<Scenario, Task> scenario, Action<BrokerOptions>? configure = null)
        => CountAsync((seed, most) => Explorer.ExploreAsync(scenario, seed, most, configure));

    private protected Task ExploreAsync(Func<Scenario, PagerThread, Task> scenario)
        => CountAsync((seed, most) => PagerThread.ExploreAsync(scenario, seed, most));

    private async Task CountAsync(Func<int, int, Task<int>> explore)
    {
        int seed = Seeds.Pick(1);
        int count = await explore(seed, Seeds.ScheduleCount(SchedulesEach));
        output.WriteLine($"{count} schedules, seed {seed}.");
    }
}
