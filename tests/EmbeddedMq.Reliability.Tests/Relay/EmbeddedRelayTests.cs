using EmbeddedMq.Reliability.Tests.Engines;

namespace EmbeddedMq.Reliability.Tests.Relay;

/// <summary>On the embedded engine.</summary>
public sealed class EmbeddedRelayTests : RelaySuite
{
    /// <inheritdoc/>
    protected override Task<TestEngine> StartEngineAsync() => TestEngine.StartEmbeddedAsync();
}
