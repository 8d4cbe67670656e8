using EmbeddedMq.Reliability.Tests.Engines;

namespace EmbeddedMq.Reliability.Tests.Checks;

/// <summary>On the embedded engine.</summary>
public sealed class EmbeddedCheckTests : CheckSuite
{
    /// <inheritdoc/>
    protected override Task<TestEngine> StartEngineAsync() => TestEngine.StartEmbeddedAsync();
}
