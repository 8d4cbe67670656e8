using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.Reliability.Tests.Redis;

public sealed class RedisIdempotentConsumerTests(SharedRedisServer server) : IdempotentConsumerContract, IClassFixture<SharedRedisServer>
{
    /// <inheritdoc/>
    protected override ValueTask<IIdempotenceStore> CreateAsync()
    {
        RedisServer.Require();
        return new(new RedisIdempotenceStore(server.Configuration, new RedisIdempotenceOptions { KeyPrefix = $"test:{Guid.NewGuid():N}:" }));
    }
}
