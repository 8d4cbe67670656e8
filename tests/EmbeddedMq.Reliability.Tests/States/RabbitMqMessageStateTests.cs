using EmbeddedMq.Reliability.Tests.Engines;

namespace EmbeddedMq.Reliability.Tests.States;

/// <summary>On a RabbitMQ server.</summary>
public sealed class RabbitMqMessageStateTests : MessageStateSuite
{
    /// <inheritdoc/>
    protected override Task<TestEngine> StartEngineAsync() => TestEngine.StartRabbitMqAsync();
}
