namespace EmbeddedMq.Tests;

public sealed class SmokeTests
{
    [Fact]
    public void TestRunner_Runs() => Assert.True(true);
}
