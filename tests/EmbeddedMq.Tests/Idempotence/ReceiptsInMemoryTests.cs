using EmbeddedMq.Diagnostics;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Tests.Idempotence;

/// <summary>The files of the index of receipts cannot be made: what it would find is safe in the journal, and must be found all the same.</summary>
public sealed class ReceiptsInMemoryTests
{
    [Fact]
    public async Task IndexThatCannotBeMade_IsLoggedAndWhatWasProcessedIsKnown()
    {
        RecordingLog log = new();
        await using StoredBroker stored = await StoredBroker.StartAsync(options => options.LoggerFactory = log);
        string path = Path.Combine(stored.Directory, "receipts");
        await File.WriteAllTextAsync(path, "in the way", TestContext.Current.CancellationToken);

        Assert.Equal(ClaimOutcome.Claimed, await ProcessAsync(stored.Broker));
        Assert.Equal(ClaimOutcome.Duplicate, await ProcessAsync(stored.Broker));

        RecordingLog.LogEntry entry = Assert.Single(log.WithId(LogEvents.ReceiptsInMemory));
        Assert.Equal(LogLevel.Warning, entry.Level);
        Assert.Contains(path, entry.Text, StringComparison.Ordinal);
        await stored.StopAsync();
        File.Delete(path);
        await stored.StartAgainAsync();
        Assert.Equal(ClaimOutcome.Duplicate, await ProcessAsync(stored.Broker));
        Assert.Single(log.WithId(LogEvents.ReceiptsInMemory));
    }

    private static async Task<ClaimOutcome> ProcessAsync(Broker broker)
    {
        ClaimRequest request = new() { Key = new IdempotenceKey("s", "1", default), Lease = TimeSpan.FromMinutes(1) };
        await using IIdempotenceClaim claim = await broker.Idempotence.ClaimAsync(request, TestContext.Current.CancellationToken);
        if (claim.Outcome == ClaimOutcome.Claimed)
        {
            await claim.CompleteAsync([], TestContext.Current.CancellationToken);
        }

        return claim.Outcome;
    }
}
