using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace EmbeddedMq.LoadTests.Measuring;

/// <summary>Says what the numbers were measured on.</summary>
internal static class Machine
{
    /// <summary>Describes it.</summary>
    /// <param name="directory">Where the files are.</param>
    /// <param name="loadBefore">The load when the run began: what others did beside it.</param>
    internal static string Describe(string directory, string loadBefore) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        - {Environment.ProcessorCount} cores ({Processor()}), {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GB of memory, {Disk(directory)}
        - {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, commit {Commit()}
        - {TimeProvider.System.GetUtcNow():yyyy-MM-dd HH:mm} UTC, load of the machine before and after: {loadBefore} and {Load()}
        """);

    /// <summary>How many threads have wanted to run in the last minute.</summary>
    internal static string Load() => FirstLine("/proc/loadavg").Split(' ')[0];

    private static string Processor()
        => File.Exists("/proc/cpuinfo") && File.ReadLines("/proc/cpuinfo").FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal)) is { } line
            ? line[(line.IndexOf(':') + 1)..].Trim()
            : RuntimeInformation.ProcessArchitecture.ToString();

    // The mount whose path is the longest that the directory begins with.
    private static string Disk(string directory)
    {
        if (!File.Exists("/proc/mounts"))
        {
            return $"disk of {Path.GetPathRoot(directory)}";
        }

        string[]? mount = File.ReadLines("/proc/mounts")
            .Select(static line => line.Split(' '))
            .Where(parts => directory.StartsWith(parts[1], StringComparison.Ordinal))
            .MaxBy(static parts => parts[1].Length);
        return mount is null ? "unknown disk" : $"{mount[2]} on {mount[0]}";
    }

    private static string Commit()
    {
        string head = Git("rev-parse", "--short", "HEAD");
        return head.Length == 0 ? "unknown" : Git("status", "--porcelain", "--untracked-files=no", "--", "src").Length == 0 ? head : head + " and changes";
    }

    private static string Git(params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("git", arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = AppContext.BaseDirectory,
            })!;
            string output = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return output;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return ""; // no git here
        }
    }

    private static string FirstLine(string file) => File.Exists(file) ? File.ReadLines(file).First() : "unknown";
}
