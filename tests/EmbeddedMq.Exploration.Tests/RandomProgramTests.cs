using EmbeddedMq.Exploration.Tests.Exploring;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Exploration.Tests;

/// <summary>Programs drawn at random, each under some schedules.</summary>
/// <remarks><c>EMBEDDEDMQ_SCRIPTS</c> is their number, <c>EMBEDDEDMQ_SEED</c> the first one's seed.</remarks>
public sealed class RandomProgramTests
{
    private const int UsualCount = 150;
    private const int SchedulesEach = 100;

    [Fact]
    public async Task RandomProgram_UnderSchedules_LosesAndDoublesNothing()
    {
        int first = Seeds.Pick(1);
        for (int seed = first; seed < first + Seeds.ScriptCount(UsualCount); seed++)
        {
            RandomProgram program = new(seed);
            try
            {
                await Explorer.ExploreAsync(program.SetUpAsync, seed, SchedulesEach);
            }
            catch (ExplorationException error)
            {
                throw new ExplorationException($"Program {seed}, {error.Message}{Environment.NewLine}{program}", error);
            }
        }
    }
}
