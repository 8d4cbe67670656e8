using System.Diagnostics;

namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>Where a victim is to die, and how it does. Thread-safe.</summary>
/// <param name="moment">Step and moment, as <c>before claim</c>; empty: never.</param>
/// <param name="passes">How often the place is passed unharmed before.</param>
/// <param name="server">The process to kill instead of this one; <see langword="null"/>: this one.</param>
internal sealed class KillSwitch(string moment, int passes, int? server)
{
    private int _passed;

    /// <summary>Comes by a place where the process may be killed.</summary>
    /// <param name="place">The place.</param>
    public void Pass(string place)
    {
        if (place != moment || Interlocked.Increment(ref _passed) != passes + 1)
        {
            return;
        }

        if (server is { } id)
        {
            using Process process = Process.GetProcessById(id);
            process.Kill();
            process.WaitForExit();
            Console.WriteLine(Victim.ServerKilled);
            return;
        }

        Process.GetCurrentProcess().Kill();
        Thread.CurrentThread.Join(); // the signal is on its way; nothing more is to happen here
    }
}
