namespace EmbeddedMq.Reliability.Tests;

public sealed class MemoryIdempotenceStoreTests : IdempotenceStoreContract
{
    private static readonly TimeSpan Retention = TimeSpan.FromDays(2);

    [Fact]
    public async Task Retention_Over_TheMessageIsNewAgain()
    {
        await ProcessAsync("a");
        await AdvanceAsync(Retention - TimeSpan.FromSeconds(1));
        await ExpectAsync(ClaimOutcome.Duplicate, "a");

        await AdvanceAsync(TimeSpan.FromSeconds(1));

        Assert.Null(await Store.FindAsync("orders", "a"));
        await ProcessAsync("a", fingerprint: new Fingerprint(7, 7));
        await ExpectAsync(ClaimOutcome.Duplicate, "a", fingerprint: new Fingerprint(7, 7));
    }

    [Fact]
    public async Task Retention_OverForManyThings_FreesTheirMemoryAsOthersCome()
    {
        for (int i = 0; i < 100; i++)
        {
            await ProcessAsync("old " + Text(i));
        }

        await AdvanceAsync(Retention);
        for (int i = 0; i < 100; i++)
        {
            await ProcessAsync("new " + Text(i));
        }

        // Back in time no more than the store is asked to: what it has forgotten it no longer has at all.
        MemoryIdempotenceStore store = (MemoryIdempotenceStore)Store;
        Assert.Equal(100, store.RememberedCount("orders"));
    }

    [Fact]
    public async Task MaxMessages_Exceeded_ForgetsTheOldestOfThatScope()
    {
        MemoryIdempotenceStore store = new(new MemoryIdempotenceOptions { MaxMessages = 3 });
        foreach (string id in (string[])["a", "b", "c", "d", "e"])
        {
            await using IIdempotenceClaim claim = await ClaimAsync(store, "orders", id);
            await claim.CompleteAsync([]);
        }

        await using IIdempotenceClaim other = await ClaimAsync(store, "invoices", "a");
        await other.CompleteAsync([]);

        Assert.Null(await store.FindAsync("orders", "a"));
        Assert.Null(await store.FindAsync("orders", "b"));
        foreach (string id in (string[])["c", "d", "e"])
        {
            Assert.Equal(IdempotenceState.Processed, (await store.FindAsync("orders", id))?.State);
        }
    }

    [Fact]
    public async Task MaxMessages_Exceeded_ForgetsNoClaim()
    {
        MemoryIdempotenceStore store = new(new MemoryIdempotenceOptions { MaxMessages = 1 });
        await using IIdempotenceClaim held = await ClaimAsync(store, "orders", "held");
        await using (IIdempotenceClaim failed = await ClaimAsync(store, "orders", "again"))
        {
            await failed.FailAsync();
        }

        await using IIdempotenceClaim again = await ClaimAsync(store, "orders", "again");
        for (int i = 0; i < 10; i++)
        {
            await using IIdempotenceClaim claim = await ClaimAsync(store, "orders", Text(i));
            await claim.CompleteAsync([]);
        }

        await using IIdempotenceClaim busy = await ClaimAsync(store, "orders", "held");
        await using IIdempotenceClaim busyAgain = await ClaimAsync(store, "orders", "again");
        Assert.Equal(ClaimOutcome.Busy, busy.Outcome);
        Assert.Equal(ClaimOutcome.Busy, busyAgain.Outcome);
    }

    [Fact]
    public async Task Claim_OfAFailedMessageGivenUp_TheFailureIsKnownStill()
    {
        await using (IIdempotenceClaim failed = await ClaimAsync("a"))
        {
            await failed.FailAsync();
        }

        await using (IIdempotenceClaim claim = await ClaimAsync("a"))
        {
            Assert.Equal(IdempotenceState.Claimed, (await Store.FindAsync("orders", "a"))?.State);
        }

        Assert.Equal(IdempotenceState.Failed, (await Store.FindAsync("orders", "a"))?.State);
    }

    [Fact]
    public async Task Complete_WithOutgoingMessages_IsRefusedAndNothingRemembered()
    {
        await using IIdempotenceClaim claim = await ClaimAsync("a");
        Assert.False(claim.TakesOutgoing);

        await Assert.ThrowsAsync<ArgumentException>(
            async () => await claim.CompleteAsync([new OutboxMessage { Id = "m", Exchange = "", RoutingKey = "q", Message = Message.Text("m") }]));

        Assert.Equal(IdempotenceState.Claimed, (await Store.FindAsync("orders", "a"))?.State);
    }

    [Fact]
    public async Task Complete_OfAClaimThatWasNotGranted_IsAMistake()
    {
        await ProcessAsync("a");
        await using IIdempotenceClaim claim = await ClaimAsync("a");

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(async () => await claim.CompleteAsync([]));

        Assert.Equal("The claim was not granted (Duplicate), so there is nothing to complete. Ask for its outcome first.", error.Message);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await claim.FailAsync());
        Assert.False(await claim.RenewAsync());
    }

    [Fact]
    public async Task RetryAfter_OfABusyMessage_GrowsWithTheTimeItIsHeld()
    {
        await using IIdempotenceClaim holder = await ClaimAsync("a");
        await AdvanceAsync(TimeSpan.FromSeconds(10));
        await using IIdempotenceClaim early = await ClaimAsync("a");
        await AdvanceAsync(TimeSpan.FromSeconds(45));
        await using IIdempotenceClaim late = await ClaimAsync("a");

        Assert.Equal(TimeSpan.FromSeconds(10), early.RetryAfter);
        Assert.Equal(TimeSpan.FromSeconds(5), late.RetryAfter); // no longer than its lease
    }

    [Fact]
    public async Task Claim_Cancelled_ClaimsNothing()
    {
        ClaimRequest request = new() { Key = new IdempotenceKey("orders", "a", default), Lease = Lease };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.ClaimAsync(request, new CancellationToken(canceled: true)));

        Assert.Null(await Store.FindAsync("orders", "a"));
    }

    [Fact]
    public void Options_OutOfRange_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryIdempotenceStore(new MemoryIdempotenceOptions { MaxMessages = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryIdempotenceStore(new MemoryIdempotenceOptions { Retention = TimeSpan.Zero }));
    }

    protected override ValueTask<IIdempotenceStore> CreateAsync(TimeProvider time)
        => new(new MemoryIdempotenceStore(new MemoryIdempotenceOptions { TimeProvider = time, Retention = Retention }));

    private static ValueTask<IIdempotenceClaim> ClaimAsync(MemoryIdempotenceStore store, string scope, string id)
        => store.ClaimAsync(new ClaimRequest { Key = new IdempotenceKey(scope, id, default), Lease = TimeSpan.FromMinutes(1) });
}
