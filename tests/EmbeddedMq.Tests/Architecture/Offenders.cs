namespace EmbeddedMq.Tests.Architecture;

/// <summary>Fails with every offender in full, where the runner's own message would cut them short.</summary>
internal static class Offenders
{
    public static void None(IEnumerable<string> offenders)
    {
        List<string> found = [.. offenders];
        if (found.Count > 0)
        {
            Assert.Fail($"{found.Count} found:{Environment.NewLine}{string.Join(Environment.NewLine, found)}");
        }
    }
}
