using EmbeddedMq.TestSupport;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Tests.Threading;

public sealed class MemoryLedgerTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(1_000)]
    [InlineData(10_000_000)]
    public void Ledger_CrossingTheWatermarks_TellsEachChangeOnce(long highBytes)
    {
        List<bool> changes = [];
        MemoryLedger ledger = new(highBytes, changes.Add);
        ledger.Add(highBytes);
        Assert.Empty(changes);

        ledger.Add(highBytes);
        Assert.Equal([true], changes);
        Assert.True(ledger.IsBlocked);

        ledger.Release(highBytes / 32); // not far enough
        Assert.Equal([true], changes);
        ledger.Release((highBytes * 2) - (highBytes / 32) - (highBytes - (highBytes / 16)));
        Assert.Equal([true, false], changes);
        ledger.Release(highBytes - (highBytes / 16));
        Assert.Equal(0, ledger.Bytes);
    }

    /// <summary>Threads that add and release side by side: no change is missed, whatever the sums saw in between.</summary>
    [Theory]
    [InlineData(1_000)]
    [InlineData(100_000_000_000)] // so much that it begins without fences
    public async Task Ledger_UsedByManyAtOnce_EndsUnblockedWhenAllIsReleased(long highBytes)
    {
        const int Threads = 3;
        const int Rounds = 5_000;
        int seed = Seeds.Pick(18);
        List<bool> changes = []; // told under the ledger's gate
        MemoryLedger ledger = new(highBytes, changes.Add);
        int stuckIn = -1;
        using Barrier round = new(Threads, barrier =>
        {
            if (stuckIn < 0 && (ledger.IsBlocked || ledger.Bytes != 0))
            {
                stuckIn = (int)barrier.CurrentPhaseNumber;
            }
        });
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(
            () =>
            {
                Random random = Seeds.Generator(seed, thread);
                for (int i = 0; i < Rounds; i++)
                {
                    long bytes = random.Next(300, 600) * (highBytes / 1_000);
                    ledger.Add(bytes);
                    for (int spin = random.Next(20); spin > 0; spin--)
                    {
                        Thread.SpinWait(1);
                    }

                    ledger.Release(bytes);
                    round.SignalAndWait();
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));

        Assert.True(stuckIn < 0, $"Seed {seed}, round {stuckIn}: blocked with nothing held.");
        Assert.Equal(Enumerable.Range(0, changes.Count).Select(static i => i % 2 == 0), changes);
    }

    [Fact]
    public void Ledger_FilledInSmallSteps_BlocksWithinAFewGrains()
    {
        MemoryLedger ledger = new(1_000_000, static _ => { });
        long added = 0;
        while (!ledger.IsBlocked && added < 2_000_000)
        {
            ledger.Add(100);
            added += 100;
        }

        Assert.InRange(added, 1_000_000, 1_000_000 + (2 * (1_000_000 / 64)));
    }
}
