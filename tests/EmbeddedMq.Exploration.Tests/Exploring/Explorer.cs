namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>Runs a scenario under many schedules: all with at most one switch out of turn, as far as their number allows, then a seeded sample
/// of those with two or three. Most races need no more.</summary>
/// <remarks>
/// <para>The points are the entering and leaving of every lock and each interlocked or volatile operation through their classes: between two
/// of them a thread changes nothing that another can see but through those, a field declared volatile, or a concurrent collection.</para>
/// <para>Why not Microsoft.Coyote 1.7.11: it runs on net10.0, and finds a lost update between two sections under an <c>object</c>'s lock at
/// once; but its rewriter does not know <see cref="System.Threading.Lock"/>, which is every gate of the broker, so that nothing switches there:
/// the same lost update went unseen in 7,000 schedules. Nor does it know <c>Task.WhenAll</c> of a span. The newest target that it names is
/// net8.0, and support for later ones is an open request in its repository.</para>
/// </remarks>
internal static class Explorer
{
    /// <summary>Explores a scenario; fails with the schedule that went wrong.</summary>
    /// <param name="scenario">Sets up one run.</param>
    /// <param name="seed">Seed of the sample.</param>
    /// <param name="most">How many schedules to run at most.</param>
    /// <param name="configure">Changes the broker's options.</param>
    /// <returns>How many were run.</returns>
    internal static async Task<int> ExploreAsync(Func<Scenario, Task> scenario, int seed, int most, Action<BrokerOptions>? configure = null)
    {
        Random random = new(seed);
        int count = 0;
        List<Schedule> singles = [];
        (int threads, int points) = (1, 0);
        for (int first = 0; first < threads; first++)
        {
            (threads, points) = await RunAsync(scenario, new Schedule(first, []), configure);
            count++;
            for (int point = 1; point <= points; point++)
            {
                for (int thread = 0; thread < threads; thread++)
                {
                    singles.Add(new Schedule(first, [(point, thread)]));
                }
            }
        }

        // Two thirds for the single switches; where there are more of them, a sample.
        Schedule[] chosen = [.. singles];
        random.Shuffle(chosen);
        foreach (Schedule schedule in chosen.Take(most * 2 / 3))
        {
            await RunAsync(scenario, schedule, configure);
            count++;
        }

        while (count < most)
        {
            int switches = random.Next(2, 4);
            (int Point, int Thread)[] drawn = [.. Enumerable.Range(0, switches).Select(_ => (random.Next(1, points + 1), random.Next(threads))).OrderBy(static s => s.Item1)];
            await RunAsync(scenario, new Schedule(random.Next(threads), drawn), configure);
            count++;
        }

        return count;
    }

    /// <summary>Runs a scenario once.</summary>
    /// <returns>How many threads it has and how many points they reached.</returns>
    internal static async Task<(int Threads, int Points)> RunAsync(Func<Scenario, Task> scenario, Schedule schedule, Action<BrokerOptions>? configure = null)
    {
        Scenario run = await Scenario.StartAsync(configure);
        try
        {
            await scenario(run);
            Interleaving interleaving = new(schedule);
            foreach ((string name, Action body) in run.Threads)
            {
                interleaving.Add(name, body);
            }

            await interleaving.RunAsync();
            await run.Check();
            await run.CheckBooksAsync();
            return (run.Threads.Count, interleaving.PointCount);
        }
        catch (Exception error)
        {
            throw new ExplorationException($"Under {schedule}: {error.Message}", error);
        }
        finally
        {
            await run.Broker.DisposeAsync();
        }
    }
}
