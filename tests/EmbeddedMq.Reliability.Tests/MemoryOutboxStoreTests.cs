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

    [Fact]
    public async Task Held_WhileItsAnswerIsStored_DoesNotComeAlongWithTheOneAheadOfIt()
    {
        MemoryOutboxStore store = (MemoryOutboxStore)Store;
        await Store.AddAsync([Make("1", "key"), Make("2", "key")]);
        OutboxEntry second = (await TakeAsync())[1];
        Assert.True(store.TryHold(second));
        Time.Advance(Lease);

        IReadOnlyList<OutboxEntry> taken = await TakeAsync();

        Assert.Equal("1", Assert.Single(taken).Message.Id);
        store.Release(second, isAnswered: true);
        await Store.ConfirmAsync([second]);
        Assert.Equal(OutboxStatus.Confirmed, (await Store.FindAsync("2"))!.Status);
    }

    /// <inheritdoc/>
    protected override ValueTask<IOutboxStore> CreateAsync(TimeProvider time) => new(new MemoryOutboxStore(time));
}
