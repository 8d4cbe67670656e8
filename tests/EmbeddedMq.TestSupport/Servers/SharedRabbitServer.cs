using Xunit;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>One server for all tests of an assembly, started when first needed and stopped after the last: an assembly fixture.</summary>
public sealed class SharedRabbitServer : IAsyncLifetime
{
    private static readonly Lazy<Task<RabbitServer>> Server = new(RabbitServer.StartAsync);

    /// <summary>The server. A test without one is skipped, with the reason.</summary>
    public static Task<RabbitServer> GetAsync()
    {
        Assert.SkipWhen(RabbitServer.Absence is not null, RabbitServer.Absence ?? "");
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
