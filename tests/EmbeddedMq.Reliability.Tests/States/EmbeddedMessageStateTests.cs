using EmbeddedMq.Reliability.Tests.Engines;

namespace EmbeddedMq.Reliability.Tests.States;

/// <summary>On the embedded engine.</summary>
public sealed class EmbeddedMessageStateTests : MessageStateSuite
{
    /// <inheritdoc/>
    protected override Task<TestEngine> StartEngineAsync() => TestEngine.StartEmbeddedAsync();
}
