using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A process that is killed loses nothing that it had confirmed, on a real disk.</summary>
public sealed class KillTests
{
    [Theory]
    [InlineData(Durability.Synced)]
    [InlineData(Durability.OsBuffered)]
    public async Task Process_KilledAgainAndAgain_LosesNothingConfirmed(Durability durability)
    {
        using ScratchDirectory scratch = new();
        Random random = new(Seeds.Pick(11));
        int kills = Seeds.KillCount(4);
        for (int kill = 0; kill < kills; kill++)
        {
            long confirmed = await RunAndKillAsync(scratch.Path, durability, random.Next(1, 400));
            await using FasterJournal journal = await SmallStore.OpenAsync(OsFiles.Instance, scratch.Path);
            List<long> found = SmallStore.Numbers(journal.Hot);
            Assert.True(found[^1] >= confirmed, $"Kill {kill}: {confirmed} was confirmed, {found[^1]} is the last found.");
            Assert.Equal(Enumerable.Range(0, found.Count).Select(i => found[0] + i), found);
            Assert.Empty(journal.Recovery.Damage);
        }
    }

    [Fact]
    public async Task Open_StoreOfARunningProcess_NamesTheProcess()
    {
        using ScratchDirectory scratch = new();
        using Process victim = Victim.Start(scratch.Path, Durability.OsBuffered);
        try
        {
            Assert.NotNull(await victim.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WithinPatienceAsync("the first commit"));

            JournalException error = await Assert.ThrowsAsync<JournalException>(() => SmallStore.OpenAsync(OsFiles.Instance, scratch.Path));

            Assert.Equal(
                $"RESOURCE_ERROR - the store '{scratch.Path}' is in use by process {victim.Id}. Stop it, or give this broker a directory of its own.", error.Message);
            Assert.True(error.IsTransient);
        }
        finally
        {
            await KillAsync(victim);
        }
    }

    private static async Task<long> RunAndKillAsync(string store, Durability durability, int commits)
    {
        using Process victim = Victim.Start(store, durability);
        long confirmed = 0;
        try
        {
            for (int i = 0; i < commits; i++)
            {
                string line = await victim.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WithinPatienceAsync($"commit {i}")
                    ?? throw new InvalidOperationException("The process ended by itself.");
                confirmed = long.Parse(line, CultureInfo.InvariantCulture);
            }
        }
        finally
        {
            await KillAsync(victim);
        }

        // What it said before it noticed; the last line may be torn.
        string rest = await victim.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        foreach (string line in rest.Split('\n')[..^1])
        {
            confirmed = long.Parse(line, CultureInfo.InvariantCulture);
        }

        return confirmed;
    }

    private static async Task KillAsync(Process victim)
    {
        victim.Kill();
        await victim.WaitForExitAsync(CancellationToken.None);
    }
}
