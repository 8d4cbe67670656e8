using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>Publishers that send as fast as they are allowed to, and consumers somewhere that count.</summary>
internal static class PublishingLoop
{
    // Reading the clock twice costs a tenth of what the fastest need for a message.
    private const int TimedShare = 16;

    /// <summary>Sends messages and waits until all of them have been handled.</summary>
    /// <param name="publishers">How many send at once, a share each.</param>
    /// <param name="count">How many messages there are.</param>
    /// <param name="copies">How many consumers receive each of them.</param>
    /// <param name="arrivals">Where consumers count.</param>
    /// <param name="newSender">Makes what one publisher sends a message with.</param>
    /// <param name="latencies">How long every 16th call of the first publisher takes.</param>
    internal static async Task<Outcome> RunAsync(
        int publishers, long count, int copies, Arrivals arrivals, Func<Func<ValueTask>> newSender, LatencyHistogram latencies)
    {
        Func<Task> arrived = arrivals.Expect(count * copies);
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, publishers).Select(number => Task.Run(
            () => SendAsync(count / publishers, newSender(), number == 0 ? latencies : new LatencyHistogram()))));
        await arrived();
        return new Outcome(count, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>Asks one question after the other, each when the one before was answered.</summary>
    /// <param name="count">How many.</param>
    /// <param name="ask">Asks and waits for the answer.</param>
    /// <param name="latencies">How long each takes.</param>
    /// <exception cref="TimeoutException">The whole takes minutes: an answer was lost.</exception>
    internal static Task<Outcome> AskAsync(long count, Func<ValueTask> ask, LatencyHistogram latencies)
        => Task.Run(() => AskAllAsync(count, ask, latencies)).WaitAsync(Arrivals.Patience);

    private static async Task<Outcome> AskAllAsync(long count, Func<ValueTask> ask, LatencyHistogram latencies)
    {
        long start = Stopwatch.GetTimestamp();
        for (long i = 0; i < count; i++)
        {
            long sent = Stopwatch.GetTimestamp();
            await ask();
            latencies.Record(Stopwatch.GetTimestamp() - sent);
        }

        return new Outcome(count, Stopwatch.GetElapsedTime(start));
    }

    private static async Task SendAsync(long count, Func<ValueTask> send, LatencyHistogram latencies)
    {
        for (long i = 0; i < count; i++)
        {
            if (i % TimedShare == 0)
            {
                long sent = Stopwatch.GetTimestamp();
                await send();
                latencies.Record(Stopwatch.GetTimestamp() - sent);
            }
            else
            {
                await send();
            }
        }
    }
}
