using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Storage;

/// <summary>A queue that holds more than memory should: what it costs to fill, to keep, to open and to drain.</summary>
internal static class Backlog
{
    internal static async Task RunAsync(string directory, int count, int bodyBytes, Report report)
    {
        string size = bodyBytes == 1_024 ? "1 KB" : string.Create(CultureInfo.InvariantCulture, $"{bodyBytes:N0} B");
        string name = string.Create(CultureInfo.InvariantCulture, $"backlog of {count:N0} x {size}");
        await using (DurableBroker broker = await DurableBroker.StartAsync(directory))
        {
            TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
            Outcome filled = await broker.FillAsync(bodyBytes, count);
            report.Add($"{name}: fill, 1,024 outstanding", Describe(filled, bodyBytes), processor: PerMessage(processorBefore, count));
            report.Add($"{name}: memory while it is full", MemoryOf());
        }

        // Both from the operating system's cache, or both from the disk: whatever it has kept.
        Outcome read = RawFile.ReadSequentially(directory);
        long start = Stopwatch.GetTimestamp();
        await using (DurableBroker broker = await DurableBroker.StartAsync(directory))
        {
            TimeSpan opened = Stopwatch.GetElapsedTime(start);
            uint found = await broker.CountAsync();
            report.Add($"{name}: open", string.Create(CultureInfo.InvariantCulture, $"{opened.TotalSeconds:F2} s, {found:N0} messages found"));
            report.Add($"{name}: memory when it is open", MemoryOf());
            TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
            Outcome drained = await broker.DrainAsync(count);
            string processor = PerMessage(processorBefore, count);
            string share = string.Create(CultureInfo.InvariantCulture, $"{drained.PerSecond * bodyBytes / read.PerSecond:F2} of the sequential read");
            report.Add($"{name}: drain with acknowledgements", Describe(drained, bodyBytes), share, processor: processor);
            report.Add($"{name}: memory after the drain", MemoryOf());
        }

        report.Add($"{name}: sequential read of its files", string.Create(CultureInfo.InvariantCulture, $"{read.PerSecond / 1e6:N0} MB/s"));
    }

    private static string PerMessage(TimeSpan processorBefore, int count)
        => Series.Format((Environment.CpuUsage.TotalTime - processorBefore).TotalMicroseconds / count);

    private static string Describe(Outcome outcome, int bodyBytes)
        => string.Create(CultureInfo.InvariantCulture, $"{outcome.PerSecond / 1e3:N0} k/s, {outcome.PerSecond * bodyBytes / 1e6:N0} MB/s");

    // The heap is what is alive; the process holds free heap, FASTER's pages and the runtime besides. The peak is that of all that was measured so far.
    private static string MemoryOf()
    {
        using Process process = Process.GetCurrentProcess();
        (long now, long peak) = (process.WorkingSet64, process.PeakWorkingSet64);
        GC.Collect();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"process {now >> 20:N0} MB, {peak >> 20:N0} MB at most so far, heap in use {GC.GetTotalMemory(forceFullCollection: true) >> 20:N0} MB");
    }
}
