using EmbeddedMq.Reliability.Tests.Engines;

namespace EmbeddedMq.Reliability.Tests.Checks;

/// <summary>On a RabbitMQ server.</summary>
public sealed class RabbitMqCheckTests : CheckSuite
{
    /// <inheritdoc/>
    protected override Task<TestEngine> StartEngineAsync() => TestEngine.StartRabbitMqAsync();
}
