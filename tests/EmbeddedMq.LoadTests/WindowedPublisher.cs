using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests;

/// <summary>One publisher that keeps up to so many confirms outstanding, and waits for the oldest when there are as many.</summary>
internal sealed class WindowedPublisher(IChannel channel, string queue, Message message, int window, PublishFlags flags = PublishFlags.None)
{
    private readonly (ValueTask<PublishResult> Confirm, long StartedAt)[] _pending = new (ValueTask<PublishResult>, long)[window];

    /// <summary>Publishes for a time, and waits for all confirms.</summary>
    internal Task<Outcome> PublishAsync(TimeSpan duration, LatencyHistogram latencies) => Task.Run(() => PublishAsync(long.MaxValue, duration, latencies));

    /// <summary>Publishes so many messages, and waits for all confirms.</summary>
    internal Task<Outcome> PublishAsync(long count) => Task.Run(() => PublishAsync(count, TimeSpan.MaxValue, new LatencyHistogram()));

    private async Task<Outcome> PublishAsync(long count, TimeSpan duration, LatencyHistogram latencies)
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
            _pending[published++ % window] = (channel.TryPublishAsync("", queue, message, flags), now);
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
        (ValueTask<PublishResult> confirm, long startedAt) = _pending[number % window];
        PublishResult result = await confirm;
        if (!result.IsConfirmed)
        {
            throw new InvalidOperationException($"A publish was not confirmed: {result}.");
        }

        latencies.Record(Stopwatch.GetTimestamp() - startedAt);
    }
}
