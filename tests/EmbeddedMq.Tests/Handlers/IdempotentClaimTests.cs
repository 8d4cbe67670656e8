using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>The claim of an idempotent consumer's message where its store fails, loses it, or has given it to another.</summary>
public sealed class IdempotentClaimTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Store_DownAtTheClaim_MessagesWaitUnsettledAndNoAttemptCounts()
    {
        ConcurrentQueue<int> attempts = new();
        bool isDown = true;
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            (_, context, _) =>
            {
                attempts.Enqueue(context.Attempt);
                return ValueTask.CompletedTask;
            },
            static c => c.Concurrency(2));
        stand.Store.ClaimFails = () => isDown ? new TimeoutException("down") : null;

        await stand.PublishAsync("m");
        await stand.PublishAsync("n");
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.Log.CountAsync(1211, 6), TimeSpan.FromMilliseconds(100));
        await stand.Fixture.WaitForCountsAsync("q", ready: 0, unacked: 2);
        Assert.Empty(attempts);
        Assert.Equal(0, (await stand.Fixture.Broker.DescribeAsync("q.error")).ReadyCount);

        isDown = false;
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("q", ready: 0), TimeSpan.FromSeconds(1));
        Assert.Equal([1, 1], attempts);
        Assert.Contains("stays unsettled and is tried again in 00:00:00.5", stand.Fixture.Log.WithId(1211).First().Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_FailsAtTheCompletion_TheMessageStaysUnsettledAndIsNotCounted()
    {
        ConcurrentQueue<int> attempts = new();
        int completions = 0;
        await using IdempotentStand stand = await IdempotentStand.StartAsync((_, context, _) =>
        {
            attempts.Enqueue(context.Attempt);
            return ValueTask.CompletedTask;
        });
        stand.Store.CompleteFails = () => ++completions <= 2 ? new TimeoutException("down") : null;

        await stand.PublishAsync("m");
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("q", ready: 0), TimeSpan.FromMilliseconds(100));

        Assert.Equal([1, 1, 1], attempts);
        Assert.Equal(0, (await stand.Fixture.Broker.DescribeAsync("q.error")).ReadyCount);
    }

    [Fact]
    public async Task Store_LosesTheClaimAndTheHandlerThrows_TheMessageStaysUnsettledAndIsNotCounted()
    {
        ConcurrentQueue<int> attempts = new();
        ScriptedStore? store = null;
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            (_, context, _) =>
            {
                attempts.Enqueue(context.Attempt);
                store!.IsBroken = attempts.Count <= 2;
                return store.IsBroken ? throw new TimeoutException("the connection is gone") : ValueTask.CompletedTask;
            },
            store: time => store = new ScriptedStore(time));

        await stand.PublishAsync("m");
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("q", ready: 0), TimeSpan.FromMilliseconds(100));

        Assert.Equal([1, 1, 1], attempts);
        Assert.Equal(0, (await stand.Fixture.Broker.DescribeAsync("q.error")).ReadyCount);
        Assert.DoesNotContain("fail", stand.Store.Steps);
    }

    [Fact]
    public async Task Handler_ThatBreaksItsClaimEachTime_IsGivenUpInTheEnd()
    {
        int attempts = 0;
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            (_, _, _) =>
            {
                attempts++;
                throw new TimeoutException("the connection is gone");
            },
            store: static time => new ScriptedStore(time) { IsBroken = true });

        await stand.PublishAsync("m");
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("q.error", ready: 1), TimeSpan.FromMilliseconds(100));

        Assert.Equal(6, attempts);
        Assert.Equal(5, stand.Fixture.Log.WithId(1211).Count());
    }

    [Fact]
    public async Task Store_RefusesWhatTheHandlerSends_TheAttemptHasFailed()
    {
        await using IdempotentStand stand = await IdempotentStand.StartAsync(static (_, _, _) => ValueTask.CompletedTask);
        stand.Store.CompleteFails = static () => new ArgumentException("That id is in the outbox already.");

        await stand.PublishAsync("m");

        await stand.Fixture.WaitForCountsAsync("q.error", ready: 1);
        Assert.Equal("claim complete fail dispose", string.Join(' ', stand.Store.Steps));
    }

    [Fact]
    public async Task Claim_LostWhileTheHandlerRan_TheMessageIsAskedForAgain()
    {
        int handled = 0;
        BusFixture? fixture = null;
        ScriptedStore? store = null;
        await using IdempotentStand stand = await IdempotentStand.StartAsync(async (_, _, _) =>
        {
            if (++handled == 1)
            {
                // Another instance takes the message over, because this one gave no sign of life, and processes it.
                await using IIdempotenceClaim other = await TakeOverAsync(store!, fixture!.Time);
                await other.CompleteAsync([], Token);
            }
        });
        (fixture, store) = (stand.Fixture, stand.Store);
        stand.Store.RenewalIsLate = true;

        await stand.PublishAsync("m");
        await stand.Fixture.Log.NextAsync(1212);
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("q", ready: 0), TimeSpan.FromMilliseconds(100));

        Assert.Equal(1, handled);
        Assert.NotEmpty(stand.Fixture.Log.WithId(1209));
    }

    [Fact]
    public async Task Claim_OfAHandlerThatTakesLong_IsRenewed()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using IdempotentStand stand = await IdempotentStand.StartAsync(async (_, _, _) =>
        {
            begun.SetResult();
            await release.Task;
        });

        await stand.PublishAsync("m");
        await begun.Task.WaitAsync(BrokerFixture.Patience, Token);
        for (int i = 0; i < 60; i++)
        {
            stand.Fixture.Time.Advance(TimeSpan.FromSeconds(10)); // a sixth of the lease
        }

        await using IIdempotenceClaim other = await stand.Store.ClaimAsync(stand.Request!, Token);
        Assert.Equal(ClaimOutcome.Busy, other.Outcome);
        Assert.InRange(stand.Store.Renewals, 25, 35);
        release.SetResult();
        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
        int renewals = stand.Store.Renewals;
        stand.Fixture.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(renewals, stand.Store.Renewals);
        Assert.Equal(IdempotenceState.Processed, (await stand.Store.FindAsync("q", "m", Token))?.State);
    }

    [Fact]
    public async Task Renewal_ThatBlocks_KeepsNoOtherClaimFromBeingRenewed()
    {
        using ManualResetEventSlim free = new();
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource renewed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using SemaphoreSlim begun = new(0);
        await using IdempotentStand stand = await IdempotentStand.StartAsync(
            async (_, _, _) =>
            {
                begun.Release();
                await release.Task;
            },
            static c => c.Concurrency(2));
        stand.Store.Renews = id =>
        {
            if (id == "stuck")
            {
                free.Wait(BrokerFixture.Patience);
            }
            else
            {
                renewed.TrySetResult();
            }
        };
        foreach (string id in (string[])["first", "stuck"])
        {
            await stand.PublishAsync(id);
            Assert.True(await begun.WaitAsync(BrokerFixture.Patience, Token));
        }

        // Two sixths of the lease; beside the test, for it is the clock that calls the renewals.
        Task advance = Task.Run(
            () =>
            {
                stand.Fixture.Time.Advance(TimeSpan.FromSeconds(10));
                stand.Fixture.Time.Advance(TimeSpan.FromSeconds(10));
            },
            Token);

        try
        {
            await renewed.Task.WaitAsync(BrokerFixture.Patience, Token);
        }
        finally
        {
            free.Set();
            release.SetResult();
        }

        await advance;
        await stand.Fixture.WaitForCountsAsync("q", ready: 0);
    }

    [Fact]
    public async Task Busy_WhileAnotherHasIt_WaitsUnsettledAndIsThenADuplicate()
    {
        int handled = 0;
        await using IdempotentStand stand = await IdempotentStand.StartAsync((_, _, _) =>
        {
            handled++;
            return ValueTask.CompletedTask;
        });
        Fingerprint fingerprint = EmbeddedMq.Handlers.Consuming.Fingerprints.OfBody("""{"id":"m","customer":"","region":"eu"}"""u8);
        IIdempotenceClaim other = await stand.Store.ClaimAsync(
            new ClaimRequest { Key = new IdempotenceKey("q", "m", fingerprint), Lease = TimeSpan.FromDays(365) }, Token);

        await stand.PublishAsync("m");
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.Log.CountAsync(1210, 3), TimeSpan.FromMilliseconds(100));
        await stand.Fixture.WaitForCountsAsync("q", ready: 0, unacked: 1);
        await other.CompleteAsync([], Token);
        await stand.Fixture.AdvanceUntilAsync(stand.Fixture.WaitForCountsAsync("q", ready: 0), TimeSpan.FromMilliseconds(100));

        Assert.Equal(0, handled);
    }

    private static async Task<IIdempotenceClaim> TakeOverAsync(ScriptedStore store, TimeProvider time)
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider clock = (Microsoft.Extensions.Time.Testing.FakeTimeProvider)time;
        clock.Advance(TimeSpan.FromMinutes(1));
        IIdempotenceClaim claim = await store.ClaimAsync(store.LastRequest!, Token);
        Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
        return claim;
    }
}
