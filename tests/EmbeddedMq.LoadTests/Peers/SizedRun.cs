using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>Finds out how many messages fill the time of a measurement, because peers differ a thousandfold.</summary>
/// <remarks>A fixed number would measure the start of the fast ones, or wait for minutes for the slow ones.</remarks>
/// <param name="duration">About how long a run takes.</param>
/// <param name="run">Sends so many messages, and waits until all have arrived.</param>
internal sealed class SizedRun(TimeSpan duration, Func<long, LatencyHistogram, Task<Outcome>> run)
{
    private const long FirstCount = 16; // every count is a multiple of it: any number of publishers has equal shares
    private const long MaxCount = 1L << 24;
    private const long MaxGrowth = 16;

    private long _count;

    /// <summary>Runs once; the first time as often as it takes to know how many messages that are, which warms up, too.</summary>
    internal async Task<Outcome> RunAsync(LatencyHistogram latencies)
    {
        if (_count == 0)
        {
            // The first ones are slow: what is compiled, and what caches have to learn, is part of them.
            _count = FirstCount;
            TimeSpan spent = TimeSpan.Zero;
            while (spent < duration * 2)
            {
                Outcome warmUp = await run(_count, new LatencyHistogram());
                spent += warmUp.Elapsed;
                long wanted = (long)(warmUp.PerSecond * duration.TotalSeconds);
                _count = Math.Clamp(Math.Min(wanted, _count * MaxGrowth), FirstCount, MaxCount) / FirstCount * FirstCount;
            }
        }

        return await run(_count, latencies);
    }
}
