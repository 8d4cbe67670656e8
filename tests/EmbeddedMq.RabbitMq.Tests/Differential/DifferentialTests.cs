using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.RabbitMq.Tests.Differential;

/// <summary>Random scripts on the embedded broker and on a real server: what can be seen after each step must be the same.</summary>
/// <remarks><c>EMBEDDEDMQ_SCRIPTS</c> makes the run longer, <c>EMBEDDEDMQ_SEED</c> sets the first script's seed.</remarks>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private const int StepCount = 60;
    private const int AtOnce = 6;
    private const int MostReported = 5;

    // A difference that is only a server's slowness is none. While a script is made shorter a wrong guess does not matter.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan PatienceOfShrinking = TimeSpan.FromSeconds(4);

    private static int _names;

    [Fact]
    public async Task Script_AnySeed_ShowsTheSameOnBothEngines()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        await using RabbitMqBroker real = await RabbitMqBroker.StartAsync(server.ToOptions());
        int first = Seeds.Pick(1);
        int count = Seeds.ScriptCount(60);
        ConcurrentQueue<string> failures = new();
        int steps = 0;
        Stopwatch watch = Stopwatch.StartNew();
        await Parallel.ForEachAsync(Enumerable.Range(first, count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (seed, _) =>
        {
            if (failures.Count >= MostReported)
            {
                return;
            }

            List<Command> script = [];
            if (await DifferenceAsync(real, script, new Random(seed), Patience) is { } found)
            {
                (List<Command> shrunk, string difference) = await ShrinkAsync(real, script, found);
                failures.Enqueue(ScriptReport.Print(seed, shrunk, difference));
            }

            Interlocked.Add(ref steps, script.Count);
        });
        output.WriteLine($"{count} scripts from seed {first}, {steps} steps, in {watch.Elapsed.TotalSeconds:F0} s.");
        Assert.True(failures.IsEmpty, string.Join(Environment.NewLine, failures));
    }

    /// <summary>Carries a script out on both engines, the embedded one on a clock of its own; writes it first when a generator is given.</summary>
    /// <returns>What differs, or <see langword="null"/>.</returns>
    private static async Task<string?> DifferenceAsync(IBroker real, List<Command> script, Random? random, TimeSpan patience)
    {
        string prefix = $"s{Interlocked.Increment(ref _names)}.";
        List<(string Answer, IReadOnlyList<string> Seen)> expected = [];
        FakeTimeProvider time = new(TimeProvider.System.GetUtcNow());
        await using (IBroker embedded = await EmbeddedMq.Broker.StartAsync(new BrokerOptions { TimeProvider = time }))
        await using (EngineRun run = new(embedded, prefix, PassAsync, TimeSpan.Zero))
        {
            ScriptWriter writer = new(random ?? new Random(0), run);
            IEnumerable<Command> commands = random is null ? script.ToList() : ScriptWriter.Opening().Concat(Enumerable.Range(0, StepCount).Select(_ => writer.Next()));
            foreach (Command command in commands)
            {
                if (random is not null)
                {
                    script.Add(command);
                }

                string answer = await command.ApplyAsync(run);
                expected.Add((answer, await run.ObserveAsync(null)));
            }
        }

        await using EngineRun onServer = new(real, prefix, static passed => Task.Delay(passed, TimeProvider.System), patience);
        for (int i = 0; i < expected.Count; i++)
        {
            string answer = await script[i].ApplyAsync(onServer);
            IReadOnlyList<string> seen = await onServer.ObserveAsync(expected[i].Seen);
            if (answer != expected[i].Answer || !seen.SequenceEqual(expected[i].Seen))
            {
                script.RemoveRange(i + 1, script.Count - i - 1);
                return Describe(expected[i], (answer, seen));
            }
        }

        return null;

        Task PassAsync(TimeSpan passed)
        {
            time.Advance(passed);
            return Task.CompletedTask;
        }
    }

    private static async Task<(List<Command> Script, string Difference)> ShrinkAsync(IBroker real, List<Command> script, string first)
    {
        string? difference = await DifferenceAsync(real, script, null, PatienceOfShrinking);
        for (int size = script.Count / 2; size >= 1 && difference is not null; size /= 2)
        {
            for (int start = script.Count - size - 1; start >= 0; start -= size)
            {
                List<Command> smaller = [.. script.Take(start), .. script.Skip(start + size)];
                if (await DifferenceAsync(real, smaller, null, PatienceOfShrinking) is { } found)
                {
                    (script, difference) = (smaller, found);
                    start = Math.Min(start, script.Count);
                }
            }
        }

        return (script, difference ?? first + "        // It did not show again." + Environment.NewLine);
    }

    private static string Describe((string Answer, IReadOnlyList<string> Seen) embedded, (string Answer, IReadOnlyList<string> Seen) real)
    {
        StringBuilder text = new();
        if (embedded.Answer != real.Answer)
        {
            text.AppendLine($"        // answer, embedded: {embedded.Answer}").AppendLine($"        // answer, server  : {real.Answer}");
        }

        foreach (string line in embedded.Seen.Except(real.Seen))
        {
            text.AppendLine($"        // embedded: {line}");
        }

        foreach (string line in real.Seen.Except(embedded.Seen))
        {
            text.AppendLine($"        // server  : {line}");
        }

        return text.ToString();
    }
}
