namespace EmbeddedMq.Compliance;

public sealed class SmokeTests
{
    [Fact]
    public void TestRunner_Runs() => Assert.True(true);
}
