using EmbeddedMq.Exploration.Tests.Exploring;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Exploration.Tests;

/// <summary>Programs drawn at random, each under some schedules.</summary>
/// <remarks><c>EMBEDDEDMQ_SCRIPTS</c> is their number, <c>EMBEDDEDMQ_SEED</c> the first one's seed.</remarks>
public sealed class RandomProgramTests
{
    private const int UsualCount = 100;
    private const int SchedulesEach = 100;

    [Fact]
    public Task RandomProgram_UnderSchedules_LosesAndDoublesNothing()
        => ExploreAsync(hasPager: false, static (program, seed) => Explorer.ExploreAsync(scenario => program.SetUpAsync(scenario), seed, SchedulesEach));

    [Fact]
    public Task RandomProgram_BesideThePager_LosesAndDoublesNothing()
        => ExploreAsync(hasPager: true, static (program, seed) => PagerThread.ExploreAsync(program.SetUpAsync, seed, SchedulesEach));

    private static async Task ExploreAsync(bool hasPager, Func<RandomProgram, int, Task> explore)
    {
        int first = Seeds.Pick(1);
        for (int seed = first; seed < first + Seeds.ScriptCount(UsualCount); seed++)
        {
            RandomProgram program = new(seed, hasPager);
            try
            {
                await explore(program, seed);
            }
            catch (ExplorationException error)
            {
                throw new ExplorationException($"Program {seed}, {error.Message}{Environment.NewLine}{program}", error);
            }
        }
    }
}
