namespace EmbeddedMq.Reliability.Tests;

/// <summary>The contract over shards in one layout.</summary>
public sealed class ShardedIdempotenceStoreTests : IdempotenceStoreContract
{
    protected override ValueTask<IIdempotenceStore> CreateAsync(TimeProvider time) => new(Shards.Store(time, Shards.Three(time)));
}

/// <summary>The contract while two layouts overlap: a third of the messages is claimed in two shards.</summary>
public sealed class OverlappingShardsTests : IdempotenceStoreContract
{
    protected override ValueTask<IIdempotenceStore> CreateAsync(TimeProvider time)
        => new(Shards.Store(time, Shards.Three(time), new ShardLayout(DateTimeOffset.MinValue, "a", "b"), new ShardLayout(time.GetUtcNow(), "a", "b", "c")));
}

/// <summary>The contract after the overlap: the old shard of what has moved is asked.</summary>
public sealed class GrownShardsTests : IdempotenceStoreContract
{
    protected override ValueTask<IIdempotenceStore> CreateAsync(TimeProvider time)
        => new(Shards.Store(
            time, Shards.Three(time), new ShardLayout(DateTimeOffset.MinValue, "a", "b"), new ShardLayout(time.GetUtcNow() - TimeSpan.FromHours(2), "a", "b", "c")));
}

/// <summary>The proof through typed consumers, while layouts overlap.</summary>
public sealed class ShardedIdempotentConsumerTests : IdempotentConsumerContract
{
    protected override ValueTask<IIdempotenceStore> CreateAsync()
    {
        TimeProvider time = TimeProvider.System;
        return new(Shards.Store(time, Shards.Three(time), new ShardLayout(DateTimeOffset.MinValue, "a"), new ShardLayout(time.GetUtcNow(), "a", "b", "c")));
    }
}
