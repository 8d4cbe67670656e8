using System.Diagnostics;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>Processes with a broker are killed on one data directory, one after another; what the last one leaves is held against what all of them said.</summary>
/// <remarks><c>EMBEDDEDMQ_KILLS</c> is the number of kills in each campaign: 200 make a thousand in all.</remarks>
public sealed class CampaignTests
{
    private const long Ample = 256 << 20;
    private const int MostFaultsTold = 20;

    [Theory]
    [InlineData(1, Durability.Synced, Ample)]
    [InlineData(2, Durability.OsBuffered, Ample)]
    [InlineData(3, Durability.OsBuffered, 1 << 20)]
    [InlineData(4, Durability.Synced, 64 << 10)]
    [InlineData(5, Durability.OsBuffered, 1)]
    public async Task Broker_KilledAgainAndAgain_KeepsItsPromises(int part, Durability durability, long backlogBytes)
    {
        int seed = Seeds.Pick(40);
        Random random = Seeds.Generator(seed, part);
        string directory = Directory.CreateTempSubdirectory("embeddedmq-").FullName;
        CampaignSetup setup = new(directory, seed + part, 0, durability, backlogBytes);
        Ledger ledger = new();
        int kills = Seeds.KillCount(10);
        while (kills > 0 && ledger.Faults.Count == 0)
        {
            setup = setup with { Life = setup.Life + 1 };
            ledger.BeginLife(setup.Life);
            (bool mayStart, bool isStopped, TimeSpan span) = random.Next(10) switch
            {
                0 => (true, true, TimeSpan.FromMilliseconds(random.Next(600))),
                < 3 => (false, false, TimeSpan.FromMilliseconds(random.Next(120))), // while it opens
                < 6 => (true, false, TimeSpan.FromMilliseconds(random.Next(200))),
                _ => (true, false, TimeSpan.FromMilliseconds(random.Next(200, 1_200))),
            };
            await RunAsync(setup, ledger, mayStart, isStopped, span);
            ledger.EndLife(isStopped);
            kills -= isStopped ? 0 : 1;
        }

        Judge judge = new(ledger);
        if (ledger.Faults.Count == 0)
        {
            await judge.RunAsync(setup);
        }

        Assert.True(
            ledger.Faults.Count == 0,
            $"Seed {seed}, {setup.Life} lives, {ledger.Confirmed.Count} confirmed, {judge.FoundCount} found in {directory}; {ledger.Faults.Count} faults:\n"
            + string.Join('\n', ledger.Faults.Take(MostFaultsTold)));
        Assert.NotEmpty(ledger.Confirmed);
        TestContext.Current.TestOutputHelper?.WriteLine($"{setup.Life} lives, {ledger.LineCount} lines, {ledger.Confirmed.Count} confirmed, {ledger.Acked.Count} acknowledged for good, {judge.FoundCount} found.");
        Directory.Delete(directory, recursive: true);
    }

    private static async Task RunAsync(CampaignSetup setup, Ledger ledger, bool mayStart, bool isStopped, TimeSpan span)
    {
        using Process victim = CampaignVictim.Start(setup);
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task reading = Task.Run(() => ReadAsync(victim, ledger, mayStart ? "ready" : "opening", begun), CancellationToken.None);
        try
        {
            await begun.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await Task.Delay(span, TimeProvider.System);
            if (isStopped)
            {
                await victim.StandardInput.WriteLineAsync("stop");
                await reading.WaitAsync(TimeSpan.FromSeconds(30));
            }
        }
        finally
        {
            victim.Kill();
            await victim.WaitForExitAsync(CancellationToken.None);
        }

        await reading;
    }

    private static async Task ReadAsync(Process victim, Ledger ledger, string begins, TaskCompletionSource begun)
    {
        using Stream output = victim.StandardOutput.BaseStream;
        List<byte> line = [];
        byte[] buffer = new byte[1 << 16];
        int count;
        while ((count = await output.ReadAsync(buffer)) > 0)
        {
            foreach (byte letter in buffer.AsSpan(0, count))
            {
                if (letter != '\n')
                {
                    line.Add(letter);
                    continue;
                }

                string text = System.Text.Encoding.ASCII.GetString([.. line]); // a torn last line is left
                line.Clear();
                ledger.Read(text);
                if (text == begins)
                {
                    begun.TrySetResult();
                }
            }
        }

        begun.TrySetResult();
    }
}
