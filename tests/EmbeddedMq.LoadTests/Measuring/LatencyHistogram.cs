using System.Diagnostics;
using System.Globalization;
using System.Numerics;

namespace EmbeddedMq.LoadTests.Measuring;

/// <summary>Counts latencies in classes that are a thirty-second of their size wide, so that recording costs a few nanoseconds.</summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class LatencyHistogram
{
    private const int FractionBits = 5;

    private readonly long[] _counts = new long[64 << FractionBits];
    private long _count;

    internal void Record(long timestampTicks)
    {
        ulong value = (ulong)Math.Max(1, timestampTicks);
        int log = BitOperations.Log2(value);
        ulong fraction = (log >= FractionBits ? value >> (log - FractionBits) : value << (FractionBits - log)) & ((1 << FractionBits) - 1);
        _counts[(log << FractionBits) | (int)fraction]++;
        _count++;
    }

    internal void Clear()
    {
        Array.Clear(_counts);
        _count = 0;
    }

    /// <summary>The middle, the 99th and the 99.9th percentile in microseconds.</summary>
    public override string ToString()
        => _count == 0 ? "" : string.Join(" / ", new[] { 0.5, 0.99, 0.999 }.Select(share => Format(Microseconds(share))));

    private static string Format(double microseconds) => microseconds.ToString(microseconds < 10 ? "F1" : "N0", CultureInfo.InvariantCulture);

    /// <summary>The latency, in microseconds, that a share of all stays below.</summary>
    /// <param name="share">0 to 1.</param>
    internal double Microseconds(double share)
    {
        long left = (long)Math.Ceiling(_count * share);
        int index = 0;
        while ((left -= _counts[index]) > 0)
        {
            index++;
        }

        double ticks = Math.ScaleB(1 + ((index & ((1 << FractionBits) - 1)) / (double)(1 << FractionBits)), index >> FractionBits);
        return ticks * 1e6 / Stopwatch.Frequency;
    }
}
