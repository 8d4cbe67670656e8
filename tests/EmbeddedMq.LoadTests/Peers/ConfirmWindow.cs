using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>Keeps up to so many confirms outstanding, and waits for the oldest when there are as many.</summary>
/// <param name="window">How many.</param>
/// <param name="publish">Publishes a message; completes when it is confirmed.</param>
internal sealed class ConfirmWindow(int window, Func<ValueTask> publish)
{
    private readonly (ValueTask Confirm, long StartedAt)[] _pending = new (ValueTask, long)[window];

    /// <summary>Publishes for a time, and waits for all confirms.</summary>
    internal Task<Outcome> RunAsync(TimeSpan duration, LatencyHistogram latencies) => Task.Run(() => RunAsync(long.MaxValue, duration, latencies));

    /// <summary>Publishes so many messages, and waits for all confirms.</summary>
    internal Task<Outcome> RunAsync(long count) => Task.Run(() => RunAsync(count, TimeSpan.MaxValue, new LatencyHistogram()));

    private async Task<Outcome> RunAsync(long count, TimeSpan duration, LatencyHistogram latencies)
    {
        long published = 0;
        long confirmed = 0;
        long start = Stopwatch.GetTimestamp();
        long now = start;
        while (published < count && Stopwatch.GetElapsedTime(start, now) < duration)
        {
            if (published - confirmed == window)
            {
                await ConfirmAsync(confirmed++, latencies);
            }

            now = Stopwatch.GetTimestamp();
#pragma warning disable CA2012 // each is awaited once
            _pending[published++ % window] = (publish(), now);
#pragma warning restore CA2012
        }

        while (confirmed < published)
        {
            await ConfirmAsync(confirmed++, latencies);
        }

        return new Outcome(confirmed, Stopwatch.GetElapsedTime(start));
    }

    private async ValueTask ConfirmAsync(long number, LatencyHistogram latencies)
    {
        (ValueTask confirm, long startedAt) = _pending[number % window];
        await confirm;
        latencies.Record(Stopwatch.GetTimestamp() - startedAt);
    }
}
