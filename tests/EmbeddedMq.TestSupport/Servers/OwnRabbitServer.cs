using Xunit;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>A server, or a cluster of two, for the tests of one class, which may do to it what other tests would not survive: a class fixture.</summary>
/// <remarks>Started by the first test that asks for it, so that a machine without a server skips the tests instead of failing the fixture.</remarks>
public sealed class OwnRabbitServer : IAsyncLifetime
{
    private RabbitServer? _server;
    private RabbitServer? _second;

    /// <summary>The server. A test without one is skipped, with the reason.</summary>
    public async Task<RabbitServer> GetAsync()
    {
        SharedRabbitServer.Require();
        return _server ??= await RabbitServer.StartAsync();
    }

    /// <summary>The second node of the server's cluster.</summary>
    public async Task<RabbitServer> GetSecondAsync() => _second ??= await RabbitServer.StartAsync(await GetAsync());

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_second is { } second)
        {
            await second.DisposeAsync();
        }

        if (_server is { } server)
        {
            await server.DisposeAsync();
        }
    }
}
