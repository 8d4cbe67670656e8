using System.Diagnostics;
using EmbeddedMq.Model.Tests.Model;
using EmbeddedMq.Model.Tests.Scripts;
using EmbeddedMq.TestSupport;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace EmbeddedMq.Model.Tests;

/// <summary>Random scripts over the public API, against the model.</summary>
public sealed class BrokerModelTests(ITestOutputHelper output)
{
    [Fact]
    public void Model_AnyScript_AgreesWithItself() => CheckScripts(300, Seeds.Pick(1), static () => new ValueTask<IScriptTarget>(new ModelTarget(ModelFlaw.None)));

    /// <summary>The comparison itself can fail: against each mistake that is planted in the model the broker disagrees within few scripts.</summary>
    [Fact]
    public async Task Comparison_MistakePlantedInTheModel_IsFound()
    {
        IReadOnlyList<Script> scripts = [.. Gen.Sample(Script.Arbitrary.Generator, 50, new Rnd((ulong)Seeds.Pick(2)), 400)];
        List<ModelFlaw> missed = [];
        foreach (ModelFlaw flaw in Enum.GetValues<ModelFlaw>().Where(static f => f != ModelFlaw.None))
        {
            int needed = await CountScriptsUntilFoundAsync(flaw, scripts);
            output.WriteLine($"{flaw}: {(needed > scripts.Count ? "not found" : $"found by script {needed}")}");
            if (needed > scripts.Count)
            {
                missed.Add(flaw);
            }
        }

        Assert.Empty(missed);
    }

    private static async Task<int> CountScriptsUntilFoundAsync(ModelFlaw flaw, IReadOnlyList<Script> scripts)
    {
        for (int i = 0; i < scripts.Count; i++)
        {
            try
            {
                await ScriptRun.ExecuteAsync(scripts[i], new BrokerTarget(await BrokerFixture.StartAsync()), flaw);
            }
            catch (DisagreementException)
            {
                return i + 1;
            }
        }

        return scripts.Count + 1;
    }

    /// <summary>The broker does what the model does, in everything that can be seen, after every call of thousands of random scripts.</summary>
    [Fact]
    public void Broker_AnyScript_AgreesWithTheModel()
        => CheckScripts(Seeds.ScriptCount(3_000), Seeds.Pick(1), static async () => new BrokerTarget(await BrokerFixture.StartAsync()));

    /// <summary>So does one whose queues keep one message in memory and the others on disk, so that everything goes there and comes back all the time.</summary>
    [Fact]
    public void Broker_AnyScriptWithoutMemory_AgreesWithTheModel()
    {
        int count = Seeds.ScriptCount(1_500);
        List<FakeBacklogStore> stores = [];
        CheckScripts(
            count, Seeds.Pick(3), async () => new BrokerTarget(await BrokerFixture.StartPagingAsync(options => stores.Add((FakeBacklogStore)options.BacklogStore!))));
        int readCount = stores.Sum(static store => store.ReadCount.Messages);
        output.WriteLine($"{readCount} messages came back from disk.");
        Assert.InRange(readCount, count, int.MaxValue);
    }

    private void CheckScripts(int count, int seed, Func<ValueTask<IScriptTarget>> startTarget)
    {
        long commands = 0;
        long replays = 0;
        int inconclusive = 0;
        Stopwatch watch = Stopwatch.StartNew();
        Config config = Config.QuickThrowOnFailure
            .WithMaxTest(count)
            .WithQuietOnSuccess(true)
            .WithReplay(new Replay(new Rnd((ulong)seed), FSharpOption<int>.None));
        Check.One(config, Prop.ForAll(Script.Arbitrary, script =>
            RunAsync(script).GetAwaiter().GetResult()));
        output.WriteLine($"{count} scripts, {commands} calls, {replays} replays, {inconclusive} given up, in {watch.Elapsed.TotalSeconds:F1} s, seed {seed}.");
        Assert.InRange(inconclusive, 0, count / 200);

        async Task RunAsync(Script script)
        {
            ScriptRun run = await ScriptRun.ExecuteAsync(script, await startTarget());
            commands += run.CommandCount;
            replays += run.ReplayCount;
            inconclusive += run.IsInconclusive ? 1 : 0;
        }
    }
}
