using EmbeddedMq.TestSupport.Servers;
using StackExchange.Redis;

namespace EmbeddedMq.Reliability.Tests.Redis;

/// <summary>What every store must do, by the one in Redis; and what is its own.</summary>
public sealed class RedisIdempotenceStoreTests(SharedRedisServer server) : IdempotenceStoreContract, IClassFixture<SharedRedisServer>
{
    private readonly RedisIdempotenceOptions _options = new() { KeyPrefix = $"test:{Guid.NewGuid():N}:" };

    protected override bool IsDurable => true;

    protected override DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private RedisIdempotenceStore Redis => (RedisIdempotenceStore)Store;

    private IDatabase Database => server.Connection.GetDatabase();

    public override ValueTask InitializeAsync()
    {
        RedisServer.Require();
        return base.InitializeAsync();
    }

    [Fact]
    public async Task Mark_Processed_IsKeptForTheRetention()
    {
        await using IIdempotenceClaim claim = await ClaimAsync("m");
        await claim.CompleteAsync([]);

        TimeSpan? left = await Database.KeyTimeToLiveAsync(Keys().Single());
        Assert.InRange(left!.Value, _options.Retention - TimeSpan.FromMinutes(1), _options.Retention);
    }

    [Fact]
    public async Task Mark_AfterTheRetention_IsForgotten()
    {
        await using (IIdempotenceClaim claim = await ClaimAsync("m"))
        {
            await claim.CompleteAsync([]);
        }

        await AdvanceAsync(_options.Retention);

        await using IIdempotenceClaim again = await ClaimAsync("m");
        Assert.Equal(ClaimOutcome.Claimed, again.Outcome);
    }

    [Fact]
    public async Task Completing_Twice_HoldsAsItDid()
    {
        await using IIdempotenceClaim claim = await ClaimAsync("m");
        await claim.CompleteAsync([]);
        await claim.CompleteAsync([]); // as after an answer that got lost

        Assert.Equal(IdempotenceState.Processed, (await Store.FindAsync("scope", "m"))!.State);
    }

    [Fact]
    public async Task Completing_WithOutgoingMessages_IsRefused()
    {
        await using IIdempotenceClaim claim = await ClaimAsync("m");
        OutboxMessage outgoing = new() { Id = "o", Exchange = "", RoutingKey = "q", Message = Message.Text("o") };

        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () => await claim.CompleteAsync([outgoing]));

        Assert.StartsWith("A Redis keeps no messages: publish the 1 outgoing ones before the claim is completed.", error.Message);
    }

    [Fact]
    public async Task Scopes_WithColonsInThem_StayApart()
    {
        await using IIdempotenceClaim one = await Store.ClaimAsync(Request("a:b", "c"));
        await using IIdempotenceClaim other = await Store.ClaimAsync(Request("a", "b:c"));

        Assert.Equal((ClaimOutcome.Claimed, ClaimOutcome.Claimed), (one.Outcome, other.Outcome));
    }

    [Fact]
    public async Task Key_ThatHoldsSomethingElse_IsAnErrorThatNamesIt()
    {
        await using IIdempotenceClaim claim = await ClaimAsync("m");
        RedisKey key = Keys().Single();
        await Database.StringSetAsync(key, "something else");

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(async () => await Store.FindAsync("scope", "m"));

        Assert.Equal($"The key '{key}' holds something that no idempotence store wrote. Give the store a prefix of its own.", error.Message);
    }

    [Fact]
    public async Task Server_ThatDropsKeysWhenItIsFull_IsRefusedUnlessAllowed()
    {
        await using RedisServer forgetful = await RedisServer.StartAsync("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru");
        await using RedisIdempotenceStore careful = new(forgetful.Configuration, null);
        await using RedisIdempotenceStore careless = new(forgetful.Configuration, new RedisIdempotenceOptions { AllowEviction = true });

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(async () => await careful.ClaimAsync(Request("scope", "m")));
        await using IIdempotenceClaim claim = await careless.ClaimAsync(Request("scope", "m"));

        Assert.StartsWith("This Redis drops keys when its memory is full (maxmemory-policy allkeys-lru)", error.Message);
        Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
    }

    [Fact]
    public async Task Server_KilledAndStartedAgain_HasForgottenNothing()
    {
        await using RedisServer mortal = await RedisServer.StartAsync();
        await using RedisIdempotenceStore store = new(mortal.Configuration, null);
        await using (IIdempotenceClaim processed = await store.ClaimAsync(Request("scope", "processed")))
        {
            await processed.CompleteAsync([]);
        }

        IIdempotenceClaim held = await store.ClaimAsync(Request("scope", "held"));
        await mortal.KillAsync();
        await Assert.ThrowsAnyAsync<Exception>(async () => await store.ClaimAsync(Request("scope", "new")));
        await mortal.RestartAsync();

        await using RedisIdempotenceStore reconnected = new(mortal.Configuration, null);
        await using IIdempotenceClaim duplicate = await reconnected.ClaimAsync(Request("scope", "processed"));
        await using IIdempotenceClaim busy = await reconnected.ClaimAsync(Request("scope", "held"));
        Assert.Equal((ClaimOutcome.Duplicate, ClaimOutcome.Busy), (duplicate.Outcome, busy.Outcome));
        await held.DisposeAsync();
    }

    protected override ValueTask<IIdempotenceStore> CreateAsync(TimeProvider time) => OpenAgainAsync();

    protected override ValueTask<IIdempotenceStore> OpenAgainAsync() => new(new RedisIdempotenceStore(server.Configuration, _options));

    /// <summary>Takes the time from what each key has left: the server's clock cannot be moved.</summary>
    protected override async ValueTask AdvanceAsync(TimeSpan duration)
    {
        await base.AdvanceAsync(duration);
        foreach (RedisKey key in Keys())
        {
            TimeSpan? left = await Database.KeyTimeToLiveAsync(key) - duration;
            await (left > TimeSpan.Zero ? Database.KeyExpireAsync(key, left) : Database.KeyDeleteAsync(key));
        }
    }

    private static ClaimRequest Request(string scope, string id)
        => new() { Key = new IdempotenceKey(scope, id, new Fingerprint(1, 2)), Lease = TimeSpan.FromMinutes(1) };

    private ValueTask<IIdempotenceClaim> ClaimAsync(string id) => Redis.ClaimAsync(Request("scope", id));

    private RedisKey[] Keys() => [.. server.Connection.GetServers().Single().Keys(pattern: _options.KeyPrefix + "*")];
}
