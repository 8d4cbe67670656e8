using System.Diagnostics;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>Starts the programs that servers of tests consist of.</summary>
internal static class Programs
{
    /// <summary>How long a program may take, or a server to answer. Only what hangs is waited for so long: a start takes seconds on an idle machine, and
    /// minutes on one that is busy.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    // The shell becomes the program, in a process group of its own. What it leaves behind reads until this process ends or lets go of the program; then it kills the group.
    private const string Script = """
        exec 3<&0
        (cat <&3; kill -9 0) >/dev/null 2>&1 &
        exec 3<&-
        exec "$@" </dev/null
        """;

    /// <summary>Starts a server, which ends with this process however this one ends. Its id is the program's.</summary>
    /// <param name="program">How to start it. Its standard input is taken.</param>
    internal static Process StartServer(ProcessStartInfo program)
    {
        string[] command = [program.FileName, .. program.ArgumentList];
        program.FileName = "/usr/bin/setsid";
        program.ArgumentList.Clear();
        foreach (string argument in (string[])["/bin/sh", "-c", Script, "sh", .. command])
        {
            program.ArgumentList.Add(argument);
        }

        program.RedirectStandardInput = true;
        return Process.Start(program)!;
    }

    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">How to start it.</param>
    /// <returns>Its exit code and what it wrote.</returns>
    /// <exception cref="TimeoutException">It hangs, and was killed.</exception>
    internal static async Task<(int ExitCode, string Output)> RunAsync(ProcessStartInfo program)
    {
        program.RedirectStandardInput = program.RedirectStandardOutput = program.RedirectStandardError = true;
        using Process process = Process.Start(program)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program.FileName} {string.Join(' ', program.ArgumentList)} did not end within {Patience.TotalSeconds} s.");
        }

        return (process.ExitCode, await output + await errors);
    }
}
