using Xunit;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>One server for all tests of an assembly, started when first needed and stopped after the last: an assembly fixture.</summary>
public sealed class SharedRabbitServer : IAsyncLifetime
{
    private static readonly Lazy<Task<RabbitServer>> Server = new(static () => RabbitServer.StartAsync());

    /// <summary>The server. A test without one is skipped, with the reason.</summary>
    public static Task<RabbitServer> GetAsync()
    {
        Require();
        return Server.Value;
    }

    /// <summary>Skips the test where no server can be started. With <c>EMBEDDEDMQ_REQUIRE_RABBITMQ=1</c> it fails instead: for machines that must not leave it out.</summary>
    public static void Require()
    {
        if (RabbitServer.Absence is { } absence)
        {
            Assert.False(Environment.GetEnvironmentVariable("EMBEDDEDMQ_REQUIRE_RABBITMQ") == "1", absence);
            Assert.Skip(absence);
        }
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
