using System.Diagnostics;

namespace EmbeddedMq.Samples.Tests;

/// <summary>The story of the sample DelayedCheck.</summary>
public sealed class DelayedCheckTests
{
    [Fact]
    public async Task Sample_Run_TellsHowEachPaymentEnded()
    {
        string path = AppContext.BaseDirectory.Replace(
            Path.Combine("tests", "EmbeddedMq.Samples.Tests"), Path.Combine("samples", "DelayedCheck"), StringComparison.Ordinal);
        ProcessStartInfo start = new("dotnet", [Path.Combine(path, "DelayedCheck.dll")]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;

        // It ends by itself, also when its story does not hold.
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.EndsWith("2 payments, each made once; 1 taken back, 1 given up\n", output, StringComparison.Ordinal);
        Assert.Equal(0, process.ExitCode);
    }
}
