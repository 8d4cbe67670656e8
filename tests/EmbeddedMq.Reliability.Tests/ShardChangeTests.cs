using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests;

/// <summary>Adding and removing shards.</summary>
public sealed class ShardChangeTests
{
    private static readonly DateTimeOffset Change = new(2030, 1, 2, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Retention = TimeSpan.FromDays(7);
    private static readonly TimeSpan Overlap = TimeSpan.FromHours(1);
    private static readonly ShardLayout Old = new(DateTimeOffset.MinValue, "a", "b");
    private static readonly ShardLayout New = new(Change, "a", "b", "c");

    private readonly Microsoft.Extensions.Time.Testing.FakeTimeProvider _time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task AddingAShard_MovesItsShareToItAndNothingElse()
    {
        const int Ids = 3_000;
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        await ProcessAllAsync(Shards.Store(_time, stores, Old), Ids);
        Dictionary<string, int> before = await CountAsync(stores, Ids);
        Dictionary<string, IIdempotenceStore> others = Shards.Three(_time);
        await ProcessAllAsync(Shards.Store(_time, others, New with { Begins = DateTimeOffset.MinValue }), Ids);
        int moved = 0;
        for (int i = 0; i < Ids; i++)
        {
            string then = await OwnerAsync(stores, $"{i}");
            string now = await OwnerAsync(others, $"{i}");
            Assert.True(then == now || now == "c", $"Message {i} moved from {then} to {now}.");
            moved += then == now ? 0 : 1;
        }

        Assert.InRange(moved, Ids / 3 * 0.9, Ids / 3 * 1.1);
        Assert.InRange(before["a"], Ids / 2 * 0.9, Ids / 2 * 1.1);
    }

    [Theory]
    [InlineData("orders", "1", "b")]
    [InlineData("orders", "2", "a")]
    [InlineData("orders", "3", "c")]
    [InlineData("Bestellungen", "日本語", "c")]
    public async Task Owner_OfAMessage_IsTheSameForEver(string scope, string id, string owner)
    {
        // Where messages are is stored in where they are: these stay.
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        await using IIdempotenceClaim claim = await Shards.Store(_time, stores).ClaimAsync(Request(id, scope));
        await claim.CompleteAsync([]);

        Assert.Equal(owner, await OwnerAsync(stores, id, scope));
    }

    [Fact]
    public async Task OldDuplicates_AfterAShardWasAdded_AreRecognisedUntilTheirRetention()
    {
        const int Ids = 200;
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        _time.SetUtcNow(Change - TimeSpan.FromMinutes(1));
        await ProcessAllAsync(Shards.Store(_time, stores, Old), Ids);
        ShardedIdempotenceStore grown = Shards.Store(_time, stores, Old, New);

        foreach (DateTimeOffset moment in (DateTimeOffset[])
            [
                Change - TimeSpan.FromSeconds(30), Change, Change + TimeSpan.FromMinutes(30), Change + Overlap, Change + TimeSpan.FromDays(3),
                Change + Retention - TimeSpan.FromMinutes(2),
            ])
        {
            _time.SetUtcNow(moment);
            for (int i = 0; i < Ids; i++)
            {
                await ExpectAsync(grown, $"{i}", ClaimOutcome.Duplicate);
                await ExpectAsync(grown, $"{i}", ClaimOutcome.Conflict, new Fingerprint(9, 9));
                Assert.Equal(IdempotenceState.Processed, (await grown.FindAsync("orders", $"{i}"))?.State);
            }
        }

        _time.SetUtcNow(Change + Retention);
        await ExpectAsync(grown, "1", ClaimOutcome.Claimed);
    }

    [Fact]
    public async Task NewMarks_AfterTheOldLayoutIsForgotten_AreInTheNewShardAlone()
    {
        const int Ids = 100;
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        ShardedIdempotenceStore grown = Shards.Store(_time, stores, Old, New);
        _time.SetUtcNow(Change + Overlap);
        await ProcessAllAsync(grown, Ids);

        Dictionary<string, int> counts = await CountAsync(stores, Ids);
        Assert.Equal(Ids, counts.Values.Sum());
        Assert.True(counts["c"] > 10, $"{counts["c"]}");
    }

    [Fact]
    public async Task RemovedShard_WithinRetention_IsStillAsked()
    {
        const int Ids = 200;
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        await ProcessAllAsync(Shards.Store(_time, stores, New with { Begins = DateTimeOffset.MinValue }), Ids);
        ShardedIdempotenceStore shrunk = Shards.Store(_time, stores, New with { Begins = DateTimeOffset.MinValue }, new ShardLayout(Change, "a", "b"));
        _time.SetUtcNow(Change + TimeSpan.FromDays(2));

        for (int i = 0; i < Ids; i++)
        {
            await ExpectAsync(shrunk, $"{i}", ClaimOutcome.Duplicate);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    [InlineData(59)]
    public async Task TwoInstances_OneOnEachLayout_ProcessEachMessageOnce(int minutesAfterTheChange)
    {
        const int Ids = 400;
        int seed = Seeds.Pick(20_305 + minutesAfterTheChange);
        Random random = Seeds.Generator(seed);
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        ShardedIdempotenceStore[] instances = [Shards.Store(_time, stores, Old), Shards.Store(_time, stores, Old, New)];
        _time.SetUtcNow(Change + TimeSpan.FromMinutes(minutesAfterTheChange));
        string[] feed = [.. Enumerable.Range(0, Ids).SelectMany(static i => Enumerable.Repeat($"{i}", 3))];
        random.Shuffle(feed);
        ConcurrentQueue<string> queue = new(feed);
        ConcurrentDictionary<string, int> effects = new();

        async Task WorkAsync(ShardedIdempotenceStore store, int part)
        {
            Random choices = Seeds.Generator(seed, part);
            while (queue.TryDequeue(out string? id))
            {
                await using IIdempotenceClaim claim = await store.ClaimAsync(Request(id));
                if (claim.Outcome == ClaimOutcome.Busy || (claim.Outcome == ClaimOutcome.Claimed && choices.Next(5) == 0))
                {
                    queue.Enqueue(id);
                    await Task.Yield();
                }
                else if (claim.Outcome == ClaimOutcome.Claimed)
                {
                    await Task.Yield();
                    effects.AddOrUpdate(id, 1, static (_, count) => count + 1);
                    await claim.CompleteAsync([]);
                }
                else
                {
                    Assert.Equal(ClaimOutcome.Duplicate, claim.Outcome);
                }
            }
        }

        await Task.WhenAll(Enumerable.Range(1, 16).Select(part => Task.Run(() => WorkAsync(instances[part % 2], part)))).WaitAsync(BrokerFixture.Patience * 2);

        Assert.True(effects.Count == Ids && effects.Values.All(static count => count == 1), $"Seed {seed}: {string.Join(", ", effects.Where(static effect => effect.Value != 1))}");

        // Later, when the old instance is gone: nothing that either has processed takes effect again.
        _time.SetUtcNow(Change + TimeSpan.FromDays(2));
        for (int i = 0; i < Ids; i++)
        {
            await ExpectAsync(instances[1], $"{i}", ClaimOutcome.Duplicate);
        }
    }

    [Fact]
    public async Task ClaimHeldInTheOldShard_AfterTheOverlap_IsBusyUntilItsLeaseIsOver()
    {
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        _time.SetUtcNow(Change + Overlap - TimeSpan.FromSeconds(10));
        string moved = await MovedAsync();
        await using IIdempotenceClaim late = await Shards.Store(_time, stores, Old).ClaimAsync(Request(moved));
        ShardedIdempotenceStore grown = Shards.Store(_time, stores, Old, New);
        _time.SetUtcNow(Change + Overlap + TimeSpan.FromSeconds(10));
        await ExpectAsync(grown, moved, ClaimOutcome.Busy);

        _time.Advance(TimeSpan.FromMinutes(1));
        await using IIdempotenceClaim next = await grown.ClaimAsync(Request(moved));
        Assert.Equal(ClaimOutcome.Claimed, next.Outcome);
        await Assert.ThrowsAsync<ClaimLostException>(async () => await late.CompleteAsync([]));
    }

    [Fact]
    public async Task SecondShard_FailsAtTheCompletion_TheMessageIsProcessedAllTheSame()
    {
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        _time.SetUtcNow(Change);
        string moved = await MovedAsync();
        ShardedIdempotenceStore grown = Shards.Store(_time, stores, Old, New);
        await using (IIdempotenceClaim claim = await grown.ClaimAsync(Request(moved)))
        {
            // Its lease in the new shard is over, and somebody has taken it there.
            _time.Advance(TimeSpan.FromMinutes(1));
            await using IIdempotenceClaim thief = await stores["c"].ClaimAsync(Request(moved));
            Assert.Equal(ClaimOutcome.Claimed, thief.Outcome);
            await claim.CompleteAsync([]);
        }

        _time.SetUtcNow(Change + TimeSpan.FromDays(1));
        await ExpectAsync(grown, moved, ClaimOutcome.Duplicate);
    }

    [Fact]
    public async Task ShardDown_ForAMessageThatConcernsIt_ClaimsNothing()
    {
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        _time.SetUtcNow(Change);
        string moved = await MovedAsync();
        string old = await OldOwnerAsync(moved);
        IIdempotenceStore there = stores[old];
        stores["c"] = new DownStore();
        ShardedIdempotenceStore grown = Shards.Store(_time, stores, Old, New);

        await Assert.ThrowsAsync<TimeoutException>(async () => await grown.ClaimAsync(Request(moved)));

        Assert.Null(await there.FindAsync("orders", moved));
    }

    [Fact]
    public async Task Claim_ThatOneShardFailsToGiveUp_IsGivenUpInTheOther()
    {
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        _time.SetUtcNow(Change);
        string moved = await MovedAsync();
        IIdempotenceStore there = stores[await OldOwnerAsync(moved)];
        stores["c"] = new UnwillingStore();
        IIdempotenceClaim claim = await Shards.Store(_time, stores, Old, New).ClaimAsync(Request(moved));
        Assert.Equal(IdempotenceState.Claimed, (await there.FindAsync("orders", moved))!.State);

        await Assert.ThrowsAsync<TimeoutException>(async () => await claim.DisposeAsync());

        Assert.Null(await there.FindAsync("orders", moved));
    }

    [Fact]
    public void Options_WithMistakes_AreRefused()
    {
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);

        Assert.Contains("names shard 'd'", Assert.Throws<ArgumentException>(() => Shards.Store(_time, stores, new ShardLayout(Change, "a", "d"))).Message, StringComparison.Ordinal);
        Assert.Contains("one of them twice", Assert.Throws<ArgumentException>(() => Shards.Store(_time, stores, new ShardLayout(Change, "a", "a"))).Message, StringComparison.Ordinal);
        Assert.Contains("in order", Assert.Throws<ArgumentException>(() => Shards.Store(_time, stores, New, New)).Message, StringComparison.Ordinal);
        Assert.Contains("names no shard", Assert.Throws<ArgumentException>(() => new ShardedIdempotenceStore(new ShardedIdempotenceOptions())).Message, StringComparison.Ordinal);
    }

    private static ClaimRequest Request(string id, string scope = "orders", Fingerprint fingerprint = default)
        => new() { Key = new IdempotenceKey(scope, id, fingerprint), Lease = TimeSpan.FromMinutes(1) };

    private static async Task ProcessAllAsync(ShardedIdempotenceStore store, int ids)
    {
        for (int i = 0; i < ids; i++)
        {
            await using IIdempotenceClaim claim = await store.ClaimAsync(Request($"{i}"));
            Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
            await claim.CompleteAsync([]);
        }
    }

    private static async Task ExpectAsync(ShardedIdempotenceStore store, string id, ClaimOutcome expected, Fingerprint fingerprint = default)
    {
        await using IIdempotenceClaim claim = await store.ClaimAsync(Request(id, fingerprint: fingerprint));
        Assert.True(claim.Outcome == expected, $"Message {id}: {claim.Outcome} instead of {expected}");
    }

    private static async Task<string> OwnerAsync(Dictionary<string, IIdempotenceStore> stores, string id, string scope = "orders")
    {
        List<string> owners = [];
        foreach ((string name, IIdempotenceStore store) in stores)
        {
            if (await store.FindAsync(scope, id) is not null)
            {
                owners.Add(name);
            }
        }

        return Assert.Single(owners);
    }

    private static async Task<Dictionary<string, int>> CountAsync(Dictionary<string, IIdempotenceStore> stores, int ids)
    {
        Dictionary<string, int> counts = stores.Keys.ToDictionary(static name => name, static _ => 0);
        for (int i = 0; i < ids; i++)
        {
            counts[await OwnerAsync(stores, $"{i}")]++;
        }

        return counts;
    }

    // A message that the new layout gives to the new shard.
    private async Task<string> MovedAsync()
    {
        for (int i = 0; ; i++)
        {
            Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
            await using IIdempotenceClaim claim = await Shards.Store(_time, stores).ClaimAsync(Request($"{i}"));
            if (await OwnerAsync(stores, $"{i}") == "c")
            {
                return $"{i}";
            }
        }
    }

    private async Task<string> OldOwnerAsync(string id)
    {
        Dictionary<string, IIdempotenceStore> stores = Shards.Three(_time);
        await using IIdempotenceClaim claim = await Shards.Store(_time, stores, Old).ClaimAsync(Request(id));
        return await OwnerAsync(stores, id);
    }

    private sealed class DownStore : IIdempotenceStore
    {
        public ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) => throw new TimeoutException("down");

        public ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default) => throw new TimeoutException("down");
    }

    // Grants everything, and takes nothing back.
    private sealed class UnwillingStore : IIdempotenceStore, IIdempotenceClaim
    {
        public ClaimOutcome Outcome => ClaimOutcome.Claimed;

        public TimeSpan RetryAfter => TimeSpan.Zero;

        public bool TakesOutgoing => false;

        public ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) => new(this);

        public ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default) => new((IdempotenceMark?)null);

        public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default) => new(true);

        public ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default) => new(false);

        public ValueTask FailAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public ValueTask DisposeAsync() => throw new TimeoutException("no answer");
    }
}
