using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests;

/// <summary>What every <see cref="IIdempotenceStore"/> must do. Each store has a subclass.</summary>
public abstract class IdempotenceStoreContract : StoreContract<IIdempotenceStore>
{
    private const string Scope = "orders";

    private static readonly Fingerprint First = new(1, 2);
    private static readonly Fingerprint Second = new(ulong.MaxValue, 1UL << 63);

    /// <summary>Whether a claim ends by itself when its lease is over. Not so where a claim is a database transaction, which holds until its connection ends.</summary>
    protected virtual bool HasLeases => true;

    /// <summary>Whether <see cref="IIdempotenceStore.FindAsync"/> sees claims. Not so where a claim is a transaction that nobody else sees into.</summary>
    protected virtual bool ShowsClaims => true;

    [Fact]
    public async Task Claim_OfANewMessage_IsGranted()
    {
        await using IIdempotenceClaim claim = await ClaimAsync("a");

        Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
        Assert.Equal(TimeSpan.Zero, claim.RetryAfter);
    }

    [Fact]
    public async Task Claim_OfAProcessedMessage_IsADuplicate()
    {
        await ProcessAsync("a");

        await ExpectAsync(ClaimOutcome.Duplicate, "a");
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Claim_OfAProcessedIdWithAnotherFingerprint_IsAConflict()
    {
        await ProcessAsync("a");

        await ExpectAsync(ClaimOutcome.Conflict, "a", fingerprint: Second);
        await ExpectAsync(ClaimOutcome.Conflict, "a", fingerprint: new Fingerprint(First.Low, First.High));
        await ExpectAsync(ClaimOutcome.Conflict, "a", fingerprint: First with { Low = 3 });
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Claim_WhileAnotherHasIt_IsBusy()
    {
        await using IIdempotenceClaim holder = await ClaimAsync("a");
        await using IIdempotenceClaim other = await ClaimAsync("a");

        Assert.Equal(ClaimOutcome.Claimed, holder.Outcome);
        Assert.Equal(ClaimOutcome.Busy, other.Outcome);
        Assert.InRange(other.RetryAfter, TimeSpan.FromMilliseconds(1), Lease);
    }

    [Fact]
    public async Task Claim_OfABusyIdWithAnotherFingerprint_IsNotGranted()
    {
        await using IIdempotenceClaim holder = await ClaimAsync("a");
        await using IIdempotenceClaim other = await ClaimAsync("a", fingerprint: Second);

        Assert.True(other.Outcome is ClaimOutcome.Busy or ClaimOutcome.Conflict, other.Outcome.ToString());
    }

    [Fact]
    public async Task Claim_ThatWasNotGranted_LeavesTheHolderAlone()
    {
        await using (IIdempotenceClaim holder = await ClaimAsync("a"))
        {
            await using (IIdempotenceClaim other = await ClaimAsync("a"))
            {
                Assert.Equal(ClaimOutcome.Busy, other.Outcome);
            }

            await ExpectAsync(ClaimOutcome.Busy, "a");
            await holder.CompleteAsync([]);
        }

        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Dispose_WithoutCompleting_GivesUpSoThatTheNextIsGranted()
    {
        for (int i = 0; i < 3; i++)
        {
            await using IIdempotenceClaim claim = await ClaimAsync("a");
            Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
        }

        Assert.Null(await Store.FindAsync(Scope, "a"));
        await ProcessAsync("a");
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Dispose_Twice_DoesNotGiveUpTheNextHoldersClaim()
    {
        IIdempotenceClaim first = await ClaimAsync("a");
        await first.DisposeAsync();
        await using IIdempotenceClaim second = await ClaimAsync("a");

        await first.DisposeAsync();

        await ExpectAsync(ClaimOutcome.Busy, "a");
    }

    [Fact]
    public async Task Lease_Over_AnotherIsGrantedAndTheFirstCannotComplete()
    {
        SkipWithoutLeases();
        await using IIdempotenceClaim first = await ClaimAsync("a");
        await AdvanceAsync(Lease);
        await using IIdempotenceClaim second = await ClaimAsync("a");
        Assert.Equal(ClaimOutcome.Claimed, second.Outcome);

        ClaimLostException error = await Assert.ThrowsAsync<ClaimLostException>(async () => await first.CompleteAsync([]));

        Assert.Equal(Key("a"), error.Key);
        Assert.False(await first.RenewAsync());
        await first.DisposeAsync();
        await ExpectAsync(ClaimOutcome.Busy, "a");
        await second.CompleteAsync([]);
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Lease_OverAndProcessedByAnother_TheFirstCannotComplete()
    {
        SkipWithoutLeases();
        await using IIdempotenceClaim first = await ClaimAsync("a");
        await AdvanceAsync(Lease);
        await ProcessAsync("a");

        await Assert.ThrowsAsync<ClaimLostException>(async () => await first.CompleteAsync([]));

        await first.DisposeAsync();
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Lease_OverAndTakenByNobody_CompletingHolds()
    {
        SkipWithoutLeases();
        await using IIdempotenceClaim claim = await ClaimAsync("a");
        await AdvanceAsync(Lease);

        await claim.CompleteAsync([]);

        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Renew_BeforeTheLeaseIsOver_KeepsTheClaim()
    {
        SkipWithoutLeases();
        await using IIdempotenceClaim claim = await ClaimAsync("a");
        for (int i = 0; i < 3; i++)
        {
            await AdvanceAsync(Lease * 0.6);
            Assert.True(await claim.RenewAsync());
            await ExpectAsync(ClaimOutcome.Busy, "a");
        }

        await claim.CompleteAsync([]);
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Renew_Once_ProlongsByOneLease()
    {
        SkipWithoutLeases();
        await using IIdempotenceClaim claim = await ClaimAsync("a");
        await AdvanceAsync(Lease * 0.5);
        await claim.RenewAsync();
        await AdvanceAsync(Lease);

        await ExpectAsync(ClaimOutcome.Claimed, "a");
    }

    [Fact]
    public async Task Fail_Then_AnotherIsGranted()
    {
        await using (IIdempotenceClaim claim = await ClaimAsync("a"))
        {
            await claim.FailAsync();
        }

        Assert.Equal(IdempotenceState.Failed, (await FindAsync("a")).State);
        await ProcessAsync("a");
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Fail_ThenTheSameIdWithAnotherFingerprint_IsGranted()
    {
        // What failed took no effect, so an application may send it corrected.
        await using (IIdempotenceClaim claim = await ClaimAsync("a"))
        {
            await claim.FailAsync();
        }

        await ProcessAsync("a", fingerprint: Second);
        await ExpectAsync(ClaimOutcome.Conflict, "a");
    }

    [Fact]
    public async Task Fail_AfterAnotherHasProcessedIt_ChangesNothing()
    {
        SkipWithoutLeases();
        await using IIdempotenceClaim first = await ClaimAsync("a");
        await AdvanceAsync(Lease);
        await ProcessAsync("a");

        await first.FailAsync();

        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Find_InEachState_TellsIt()
    {
        Assert.Null(await Store.FindAsync(Scope, "a"));

        await using (IIdempotenceClaim claim = await ClaimAsync("a"))
        {
            if (ShowsClaims)
            {
                await ExpectMarkAsync(IdempotenceState.Claimed, "a", First);
            }

            await claim.FailAsync();
        }

        await ExpectMarkAsync(IdempotenceState.Failed, "a", First);
        await ProcessAsync("a");
        await ExpectMarkAsync(IdempotenceState.Processed, "a", First);
        Assert.Null(await Store.FindAsync(Scope, "A"));
        Assert.Null(await Store.FindAsync("other", "a"));
    }

    [Fact]
    public async Task Find_OfManyFingerprints_GivesEveryBitBack()
    {
        Fingerprint[] all = [default, new(0, 1), new(1, 0), Second, new(ulong.MaxValue, ulong.MaxValue), new(0x0102030405060708, 0x090a0b0c0d0e0f10)];
        for (int i = 0; i < all.Length; i++)
        {
            await ProcessAsync(Text(i), fingerprint: all[i]);
        }

        for (int i = 0; i < all.Length; i++)
        {
            await ExpectMarkAsync(IdempotenceState.Processed, Text(i), all[i]);
        }
    }

    [Fact]
    public async Task Scopes_Each_ProcessAMessageOnce()
    {
        await ProcessAsync("a");
        await ExpectAsync(ClaimOutcome.Claimed, "a", "invoices");
        await ProcessAsync("a", "invoices", Second);

        await ExpectAsync(ClaimOutcome.Duplicate, "a");
        await ExpectAsync(ClaimOutcome.Duplicate, "a", "invoices", Second);

        // Where scope and id are written one behind the other, these are still four messages.
        await ProcessAsync("bc", "a");
        await ExpectAsync(ClaimOutcome.Claimed, "c", "ab");
        await ExpectAsync(ClaimOutcome.Claimed, "b:c", "a");
        await ExpectAsync(ClaimOutcome.Claimed, "c", "a:b");
    }

    [Fact]
    public async Task Ids_OfEveryKind_AreToldApart()
    {
        foreach (string id in UnusualIds)
        {
            await ProcessAsync(id);
        }

        foreach (string id in UnusualIds)
        {
            await ExpectAsync(ClaimOutcome.Duplicate, id);
            await ProcessAsync("a", id);
        }

        foreach (string scope in UnusualIds)
        {
            await ExpectAsync(ClaimOutcome.Duplicate, "a", scope);
        }
    }

    [Fact]
    public async Task Claimers_SixteenAtOnceOfOneMessage_ExactlyOneIsGranted()
    {
        const int Claimers = 16;
        for (int round = 0; round < 8; round++)
        {
            string id = Text(round);
            using Barrier start = new(Claimers);
            Task<IIdempotenceClaim>[] tasks =
            [
                .. Enumerable.Range(0, Claimers).Select(_ => Task.Factory.StartNew(
                    () =>
                    {
                        start.SignalAndWait();
                        return ClaimAsync(id).AsTask();
                    },
                    CancellationToken.None,
                    TaskCreationOptions.LongRunning,
                    TaskScheduler.Default).Unwrap()),
            ];
            IIdempotenceClaim[] claims = await Task.WhenAll(tasks);

            IIdempotenceClaim granted = Assert.Single(claims, static claim => claim.Outcome == ClaimOutcome.Claimed);
            Assert.All(claims, claim => Assert.True(claim == granted || claim.Outcome == ClaimOutcome.Busy, claim.Outcome.ToString()));
            await granted.CompleteAsync([]);
            foreach (IIdempotenceClaim claim in claims)
            {
                await claim.DisposeAsync();
            }

            await ExpectAsync(ClaimOutcome.Duplicate, id);
        }
    }

    [Fact]
    public async Task Workers_SixteenOverShuffledDuplicates_EffectOfEachIdOnce()
    {
        const int Workers = 16;
        const int Ids = 200;
        int seed = Seeds.Pick(20_301);
        Random random = Seeds.Generator(seed);
        string[] deliveries = [.. Enumerable.Range(0, Ids).Concat(Enumerable.Range(0, Ids * 3 / 7).Select(_ => random.Next(Ids))).Select(Text)];
        random.Shuffle(deliveries);
        ConcurrentQueue<string> queue = new(deliveries);
        ConcurrentDictionary<string, int> effects = new();
        int open = deliveries.Length;

        async Task WorkAsync(int part)
        {
            Random choices = Seeds.Generator(seed, part);
            while (Volatile.Read(ref open) > 0)
            {
                if (!queue.TryDequeue(out string? id))
                {
                    await Task.Yield();
                    continue;
                }

                await using IIdempotenceClaim claim = await ClaimAsync(id);
                switch (claim.Outcome)
                {
                    case ClaimOutcome.Claimed when choices.Next(10) == 0:
                        queue.Enqueue(id); // the handler fails before its effect; the message comes again
                        break;
                    case ClaimOutcome.Claimed:
                        await Task.Yield();
                        effects.AddOrUpdate(id, 1, static (_, count) => count + 1);
                        await claim.CompleteAsync([]);
                        Interlocked.Decrement(ref open);
                        break;
                    case ClaimOutcome.Busy:
                        queue.Enqueue(id);
                        await Task.Yield();
                        break;
                    default:
                        Assert.Equal(ClaimOutcome.Duplicate, claim.Outcome);
                        Interlocked.Decrement(ref open);
                        break;
                }
            }
        }

        Task all = Task.WhenAll(Enumerable.Range(1, Workers).Select(part => Task.Run(() => WorkAsync(part))));
        await all.WaitAsync(BrokerFixture.Patience * 4);

        Assert.True(effects.Count == Ids && effects.Values.All(static count => count == 1), $"Seed {seed}: {string.Join(", ", effects.Where(static effect => effect.Value != 1))}");
    }

    [Fact]
    public async Task Reopened_WhatWasProcessed_IsADuplicateStill()
    {
        await ProcessAsync("a");
        await ReopenAsync();

        await ExpectAsync(ClaimOutcome.Duplicate, "a");
        await ExpectAsync(ClaimOutcome.Conflict, "a", fingerprint: Second);
        await ExpectMarkAsync(IdempotenceState.Processed, "a", First);
        await ExpectAsync(ClaimOutcome.Claimed, "b");
    }

    [Fact]
    public async Task Reopened_WhatFailed_MayBeClaimed()
    {
        await using (IIdempotenceClaim claim = await ClaimAsync("a"))
        {
            await claim.FailAsync();
        }

        await ReopenAsync();

        await ExpectMarkAsync(IdempotenceState.Failed, "a", First);
        await ProcessAsync("a");
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    [Fact]
    public async Task Reopened_WhileAMessageWasClaimed_ItIsGrantedWhenTheLeaseIsOver()
    {
        // Nobody disposes the claim: its process is gone.
        IIdempotenceClaim claim = await ClaimAsync("a");
        Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
        await ReopenAsync();
        await AdvanceAsync(Lease);

        await ProcessAsync("a");
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
    }

    /// <summary>Asks for a message.</summary>
    protected ValueTask<IIdempotenceClaim> ClaimAsync(string id, string scope = Scope, Fingerprint? fingerprint = null)
        => Store.ClaimAsync(new ClaimRequest { Key = Key(id, scope, fingerprint), Lease = Lease });

    /// <summary>Claims a message, which must be granted, and completes it.</summary>
    protected async Task ProcessAsync(string id, string scope = Scope, Fingerprint? fingerprint = null)
    {
        await using IIdempotenceClaim claim = await ClaimAsync(id, scope, fingerprint);
        Assert.True(claim.Outcome == ClaimOutcome.Claimed, $"Message '{id}' of '{scope}': {claim.Outcome}");
        Assert.False(await claim.CompleteAsync([])); // no delivery to acknowledge
    }

    /// <summary>Asks for a message and gives it up again at once.</summary>
    protected async Task ExpectAsync(ClaimOutcome expected, string id, string scope = Scope, Fingerprint? fingerprint = null)
    {
        await using IIdempotenceClaim claim = await ClaimAsync(id, scope, fingerprint);
        Assert.True(claim.Outcome == expected, $"Message '{id}' of '{scope}': {claim.Outcome} instead of {expected}");
    }

    private static IdempotenceKey Key(string id, string scope = Scope, Fingerprint? fingerprint = null) => new(scope, id, fingerprint ?? First);

    private async Task<IdempotenceMark> FindAsync(string id)
    {
        IdempotenceMark? mark = await Store.FindAsync(Scope, id);
        Assert.NotNull(mark);
        return mark;
    }

    private async Task ExpectMarkAsync(IdempotenceState state, string id, Fingerprint fingerprint)
    {
        IdempotenceMark mark = await FindAsync(id);
        Assert.Equal(state, mark.State);
        Assert.Equal(fingerprint, mark.Fingerprint);
        AssertIsNow(mark.At);
    }

    private void SkipWithoutLeases() => Assert.SkipUnless(HasLeases, "A claim of this store holds as long as its transaction.");
}
