using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.Compliance.RabbitMq;

/// <summary>A second server, which one test at a time has for itself: an assembly fixture, started when first needed.</summary>
public sealed class LeasedRabbitServer : IAsyncLifetime
{
    private static readonly Lazy<Task<RabbitServer>> Server = new(static () => RabbitServer.StartAsync());

    /// <summary>Its one place.</summary>
    internal static SemaphoreSlim Place { get; } = new(1, 1);

    /// <summary>The server. A test without one is skipped, with the reason.</summary>
    internal static Task<RabbitServer> GetAsync()
    {
        SharedRabbitServer.Require();
        return Server.Value;
    }

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Server.IsValueCreated)
        {
            await (await Server.Value).DisposeAsync();
        }
    }
}
