using EmbeddedMq.Reliability.Tests.Engines;

namespace EmbeddedMq.Reliability.Tests.Relay;

/// <summary>On a RabbitMQ server.</summary>
public sealed class RabbitMqRelayTests : RelaySuite
{
    /// <inheritdoc/>
    protected override Task<TestEngine> StartEngineAsync() => TestEngine.StartRabbitMqAsync();
}
