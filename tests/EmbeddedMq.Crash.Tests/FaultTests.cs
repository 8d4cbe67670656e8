using System.Collections.Concurrent;
using System.Globalization;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>Whatever operation of the file system fails, and however the process ends: what was confirmed is found again, in order, and nothing else but what was appended.</summary>
public sealed class FaultTests
{
    [Theory]
    [InlineData("Io", false, false)]
    [InlineData("Io", false, true)]
    [InlineData("Io", true, true)]
    [InlineData("Full", false, false)]
    [InlineData("Full", true, true)]
    [InlineData("Short", false, false)]
    [InlineData("Short", false, true)]
    [InlineData("Short", true, false)]
    public async Task Journal_NthOperationFails_LosesNothingConfirmed(string fault, bool forEver, bool cutPower)
    {
        int seed = Seeds.Pick(20);
        int faults = 0;
        for (int n = 1; ; n++)
        {
            FaultyFiles files = new(seed + n) { FailAt = n, FailForEver = forEver, FailWith = Enum.Parse<FaultyFiles.Fault>(fault) };
            Story story = new(files, seed + n);
            await story.RunAsync(rounds: 12);
            bool hasFailed = files.HasFailed;
            await story.EndAsync(cutPower);
            await story.CheckAsync($"{fault}, operation {n}, forEver={forEver}, cutPower={cutPower}, seed {seed + n}");
            if (!hasFailed)
            {
                break;
            }

            faults++;
        }

        Assert.True(faults > 50, $"Only {faults} operations could fail.");
    }

    [Theory]
    [InlineData("Io", false, false)]
    [InlineData("Io", true, true)]
    [InlineData("Short", true, true)]
    [InlineData("Full", false, true)]
    public async Task Journal_NthOperationFailsAfterACrash_LosesNothingConfirmed(string fault, bool forEver, bool cutPower)
    {
        int seed = Seeds.Pick(60);
        for (int n = 1; ; n++)
        {
            FaultyFiles files = new(seed + n);
            Story story = new(files, seed + n);
            await story.RunAsync(rounds: 5 + (n % 5));
            await story.EndAsync(cutPower);
            files.FailIn(n);
            files.FailForEver = forEver;
            files.FailWith = Enum.Parse<FaultyFiles.Fault>(fault);
            await story.RunAsync(rounds: 2);
            bool hasFailed = files.HasFailed;
            await story.EndAsync(cutPower);
            await story.CheckAsync($"{fault}, operation {n} after a crash, forEver={forEver}, cutPower={cutPower}, seed {seed + n}");
            if (!hasFailed && n > 40)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task Journal_PowerCutAnywhere_LosesNothingSynced()
    {
        int seed = Seeds.Pick(4);
        int count = Seeds.ScriptCount(300);
        for (int i = 0; i < count; i++)
        {
            FaultyFiles files = new(seed + i);
            Story story = new(files, seed + i);
            for (int life = 0; life < 3; life++)
            {
                await story.RunAsync(rounds: 1 + (i % 7));
                await story.EndAsync(cutPower: true);
            }

            await story.CheckAsync($"seed {seed + i}");
        }
    }

    [Fact]
    public async Task Journal_ManyAppendersWhenThePowerGoes_LosesNothingSynced()
    {
        int seed = Seeds.Pick(500);
        for (int i = 0; i < 40; i++)
        {
            FaultyFiles files = new(seed + i);
            FasterJournal journal = await SmallStore.OpenAsync(files, "/store");
            files.FailForEver = true;
            files.FailIn(1 + (i * 7));
            ConcurrentQueue<long> confirmed = [];
            await Task.WhenAll(Enumerable.Range(0, 3).Select(thread => Task.Run(() =>
            {
                Random random = Seeds.Generator(seed + i, thread);
                for (long number = thread * 1_000_000; journal.State == JournalState.Open; number++)
                {
                    if (SmallStore.Append(journal.Hot, number, 8 + random.Next(900)) != JournalAddress.None)
                    {
                        journal.Hot.WhenCommitted(new Confirmation(number, confirmed));
                    }
                }
            })));
            files.CutPower();
            await journal.DisposeAsync();

            await using FasterJournal again = await SmallStore.OpenAsync(files, "/store");
            List<long> found = SmallStore.Numbers(again.Hot);
            string[] missing = [.. confirmed.Except(found).Select(number => number.ToString(CultureInfo.InvariantCulture))];
            Assert.True(missing.Length == 0, $"Seed {seed + i}: {string.Join(' ', missing)} were confirmed and are missing.");
            for (int thread = 0; thread < 3; thread++)
            {
                List<long> own = [.. found.Where(number => number / 1_000_000 == thread)];
                Assert.Equal(Enumerable.Range(0, own.Count).Select(n => (thread * 1_000_000L) + n), own);
            }
        }
    }

    private sealed class Confirmation(long number, ConcurrentQueue<long> confirmed) : CommitWaiter(Durability.Synced)
    {
        public override void Complete(JournalException? failure)
        {
            if (failure is null)
            {
                confirmed.Enqueue(number);
            }
        }
    }
}
