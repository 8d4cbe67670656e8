using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>A publisher that stops after a time, and a consumer that has to finish what there is then.</summary>
internal static class DurableRun
{
    /// <summary>Consumes beside publishing, and waits until all that was published has been consumed.</summary>
    /// <param name="consume">Begins to consume, reports what is finished, and ends when what it returns is disposed.</param>
    /// <param name="publish">Publishes for a time.</param>
    internal static async Task<Outcome> RunAsync(Func<Received, Task<Disposables>> consume, Func<Task<Outcome>> publish)
    {
        long start = Stopwatch.GetTimestamp();
        Received received = new();
        await using Disposables consuming = await consume(received);
        Outcome published = await publish();
        await received.ReachAsync(published.Messages).WaitAsync(Arrivals.Patience);
        return published with { Elapsed = Stopwatch.GetElapsedTime(start) };
    }
}
