namespace EmbeddedMq.Reliability.Tests;

/// <summary>The outbox in memory.</summary>
public sealed class MemoryOutboxStoreTests : OutboxStoreContract
{
    [Fact]
    public async Task Confirmed_MoreThanAreRemembered_ForgetsTheOldest()
    {
        string[] ids = [.. Enumerable.Range(0, 10_001).Select(Text)];
        await AddAsync(ids);

        await Store.ConfirmAsync(await TakeAsync(ids.Length));

        Assert.Null(await Store.FindAsync("0"));
        OutboxEntry second = (await Store.FindAsync("1"))!;
        Assert.Equal(OutboxStatus.Confirmed, second.Status);
        Assert.True(second.Message.Message.Body.IsEmpty);
    }

    /// <inheritdoc/>
    protected override ValueTask<IOutboxStore> CreateAsync(TimeProvider time) => new(new MemoryOutboxStore(time));
}
