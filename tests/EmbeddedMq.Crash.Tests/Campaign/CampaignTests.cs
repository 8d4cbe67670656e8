using System.Diagnostics;
using System.Text;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>Processes with a broker are killed on one data directory, one after another; what the last one leaves is held against what all of them said.</summary>
/// <remarks><c>EMBEDDEDMQ_KILLS</c> is the number of kills in each campaign: 200 make a thousand in all.</remarks>
public sealed class CampaignTests
{
    private const long Ample = 256 << 20;
    private const int MostFaultsTold = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(240); // only a broker that hangs says nothing for so long

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
        int mostLives = kills + (kills / 2) + 10;
        while ((kills > 0 || (ledger.StoreWork.Compacted == 0 && setup.Life < mostLives)) && ledger.Faults.Count == 0)
        {
            setup = setup with { Life = setup.Life + 1 };
            ledger.BeginLife(setup.Life);
            (bool isOpening, bool isStopped, int lines) = (setup.Life == 1 || kills <= 0 ? 9 : random.Next(10)) switch // the first life is long enough to declare everything, and to fill and compact the cold log
            {
                0 => (false, true, random.Next(3_000)),
                < 3 => (true, false, 0),
                < 6 => (false, false, random.Next(500)),
                < 8 => (false, false, random.Next(500, 8_000)),
                _ => (false, false, random.Next(12_000, 24_000)),
            };
            await RunAsync(setup, ledger, isOpening, isStopped, lines, TimeSpan.FromMilliseconds(random.Next(isOpening ? 120 : 30)));
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
        Assert.NotEmpty(ledger.EffectsCommitted);
        Assert.True(
            ledger.StoreWork is { Checkpoints: > 0, Evacuated: > 0, Compacted: > 0 },
            $"Seed {seed}, {setup.Life} lives with {ledger.LineCount} lines: of checkpoints, evacuation and compaction there was {ledger.StoreWork}.");
        TestContext.Current.TestOutputHelper?.WriteLine($"{setup.Life} lives, {ledger.LineCount} lines, {ledger.Confirmed.Count} confirmed, {ledger.Acked.Count} acknowledged for good, {judge.FoundCount} found, {judge.EffectCount} effects of {ledger.EffectsPublished.Count} messages, {ledger.StoreWork} of checkpoints, evacuated and compacted messages.");
        Directory.Delete(directory, recursive: true);
    }

    // The moment is so many lines after the broker was ready, or after it began to open, and some milliseconds more.
    private static async Task RunAsync(CampaignSetup setup, Ledger ledger, bool isOpening, bool isStopped, int lines, TimeSpan more)
    {
        using Process victim = CampaignVictim.Start(setup);
        TaskCompletionSource due = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task reading = Task.Run(() => ReadAsync(victim, ledger, isOpening ? "opening" : "ready", lines, due), CancellationToken.None);
        try
        {
            await WhileThereAreLinesAsync(due.Task, ledger);
            await Task.Delay(more, TimeProvider.System);
            if (isStopped)
            {
                await TellToStopAsync(victim);
                await WhileThereAreLinesAsync(reading, ledger);
            }

            if (victim.HasExited && (!isStopped || victim.ExitCode != 0))
            {
                ledger.Faults.Add($"Life {setup.Life}: the process ended by itself with code {victim.ExitCode}.");
            }
        }
        finally
        {
            victim.Kill();
            await victim.WaitForExitAsync(CancellationToken.None);
        }

        await reading;
    }

    private static async Task WhileThereAreLinesAsync(Task awaited, Ledger ledger)
    {
        while (true)
        {
            long before = ledger.LineCount;
            try
            {
                await awaited.WaitAsync(Patience);
                return;
            }
            catch (TimeoutException) when (ledger.LineCount > before)
            {
                // It is slow, and goes on.
            }
        }
    }

    private static async Task TellToStopAsync(Process victim)
    {
        try
        {
            await victim.StandardInput.WriteLineAsync("stop");
        }
        catch (IOException)
        {
            // It has ended by itself, and has said why.
        }
    }

    private static async Task ReadAsync(Process victim, Ledger ledger, string first, int lines, TaskCompletionSource due)
    {
        using StreamReader output = new(victim.StandardOutput.BaseStream);
        int left = -1;
        StringBuilder line = new();
        char[] buffer = new char[1 << 14];
        int count;
        while ((count = await output.ReadAsync(buffer)) > 0)
        {
            foreach (char letter in buffer.AsSpan(0, count))
            {
                if (letter != '\n')
                {
                    line.Append(letter);
                    continue;
                }

                string text = line.ToString(); // a torn last line is left
                line.Clear();
                ledger.Read(text);
                left = text == first ? lines : Ledger.IsPulse(text) ? left : left - 1;
                if (left == 0)
                {
                    due.TrySetResult();
                }
            }
        }

        due.TrySetResult();
    }
}
