using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>Finds out how many messages make a run, because peers differ a thousandfold.</summary>
/// <remarks>A fixed number would measure the start of the fast ones, or wait for minutes for the slow ones. A run is long enough when one with four
/// times the messages is not faster: some peers sleep while nothing comes, and need a while to notice the first message.</remarks>
/// <param name="duration">How long a run takes at least.</param>
/// <param name="run">Sends so many messages, and waits until all have arrived.</param>
internal sealed class SizedRun(TimeSpan duration, Func<long, LatencyHistogram, Task<Outcome>> run)
{
    private const long FirstCount = 64;
    private const long MaxCount = 1L << 24;
    private const int Growth = 4;
    private const double Faster = 1.25;
    private const int MaxDurations = 5;

    private long _count;

    /// <summary>Runs once; the first time as often as it takes to know how many messages that are, which warms up, too.</summary>
    internal async Task<Outcome> RunAsync(LatencyHistogram latencies)
    {
        if (_count == 0)
        {
            _count = FirstCount; // every count is a multiple of it: any number of publishers has equal shares
            Outcome last = await run(_count, new LatencyHistogram());
            while (_count < MaxCount && last.Elapsed * Growth < duration * MaxDurations)
            {
                _count *= Growth;
                Outcome longer = await run(_count, new LatencyHistogram());
                bool isSettled = longer.Elapsed >= duration && longer.PerSecond < last.PerSecond * Faster;
                last = longer;
                if (isSettled)
                {
                    break;
                }
            }
        }

        return await run(_count, latencies);
    }
}
