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
}
