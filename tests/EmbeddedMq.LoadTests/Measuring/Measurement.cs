namespace EmbeddedMq.LoadTests.Measuring;

/// <summary>One thing that is measured several times, in turn with the others, so that a bad minute of the machine hits all of them.</summary>
/// <param name="name">What it is.</param>
/// <param name="run">Does it once.</param>
internal sealed class Measurement(string name, Func<LatencyHistogram, Task<Outcome>> run)
{
    private readonly List<double> _rates = [];
    private readonly List<double> _allocatedBytes = [];
    private readonly List<double> _processorMicroseconds = [];

    internal string Name => name;

    /// <summary>What its results are compared with, under which word.</summary>
    internal List<(string Words, Measurement Baseline)> Baselines { get; } = [];

    /// <summary>Latencies of all repetitions; empty where none are taken.</summary>
    internal LatencyHistogram Latencies { get; } = new();

    /// <summary>Messages a second, of each repetition.</summary>
    internal Series Rates => new(_rates);

    /// <summary>Allocated bytes a message, of each repetition; the whole process counts.</summary>
    internal Series AllocatedBytes => new(_allocatedBytes);

    /// <summary>Microseconds of processor time a message, of all threads of the process, of each repetition: what a busy machine distorts least.</summary>
    internal Series ProcessorMicroseconds => new(_processorMicroseconds);

    internal Measurement ComparedWith(string words, Measurement baseline)
    {
        Baselines.Add((words, baseline));
        return this;
    }

    internal async Task RunAsync()
    {
        // What the one before has left behind is not this one's.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
        Outcome outcome = await run(Latencies);
        _processorMicroseconds.Add((Environment.CpuUsage.TotalTime - processorBefore).TotalMicroseconds / outcome.Messages);
        _allocatedBytes.Add((double)(GC.GetTotalAllocatedBytes(precise: true) - before) / outcome.Messages);
        _rates.Add(outcome.PerSecond);
    }

    /// <summary>Forgets what was measured: it was to warm up.</summary>
    internal void Clear()
    {
        _rates.Clear();
        _allocatedBytes.Clear();
        _processorMicroseconds.Clear();
        Latencies.Clear();
    }

    /// <summary>The ratios to another measurement, repetition by repetition: each pair was taken within seconds.</summary>
    internal Series RatiosTo(Measurement baseline) => new(_rates.Zip(baseline._rates, static (mine, other) => mine / other));
}
