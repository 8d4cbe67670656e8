using WebhookRelay;

namespace EmbeddedMq.Samples.Tests.WebhookRelay;

public sealed class TallyTests
{
    [Fact]
    public void Snapshot_SameDeliveriesInAnotherOrder_IsEqual()
    {
        Assert.Equal(Snapshot("a", "b", "c"), Snapshot("c", "a", "b"));
    }

    [Fact]
    public void Snapshot_OneDeliveryTwiceInsteadOfAnother_Differs()
    {
        Assert.NotEqual(Snapshot("a", "b"), Snapshot("a", "a"));
    }

    [Fact]
    public async Task NextChange_AskedBefore_CompletesWithTheNextAdd()
    {
        Tally tally = new();
        Task change = tally.NextChange();
        Assert.False(change.IsCompleted);

        tally.Add("queue", "push", "a");

        await change;
        Assert.Equal(1, tally.Total);
        Assert.False(tally.NextChange().IsCompleted);
    }

    private static IReadOnlyDictionary<(string Event, string Queue), Tally.Cell> Snapshot(params string[] ids)
    {
        Tally tally = new();
        foreach (string id in ids)
        {
            tally.Add("queue", "push", id);
        }

        return tally.Snapshot();
    }
}
