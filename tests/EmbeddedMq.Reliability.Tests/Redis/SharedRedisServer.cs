using EmbeddedMq.TestSupport.Servers;
using StackExchange.Redis;

namespace EmbeddedMq.Reliability.Tests.Redis;

/// <summary>One Redis for all tests that do not kill it, started when first needed: a collection fixture.</summary>
public sealed class SharedRedisServer : IAsyncLifetime
{
    private RedisServer? _server;

    /// <summary>A connection for the tests' own looks at the server.</summary>
    public IConnectionMultiplexer Connection { get; private set; } = null!;

    /// <summary>The server's address.</summary>
    public string Configuration => _server!.PatientConfiguration;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (RedisServer.Absence is null)
        {
            _server = await RedisServer.StartAsync();
            Connection = await ConnectionMultiplexer.ConnectAsync(Configuration + ",allowAdmin=true");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await Connection.DisposeAsync();
            await _server.DisposeAsync();
        }
    }
}
