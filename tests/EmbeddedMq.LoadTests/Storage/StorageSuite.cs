using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Storage;

/// <summary>Durable publishing and consuming, against what the disk can do and against FasterLog as it comes.</summary>
internal static class StorageSuite
{
    private static readonly int[] Windows = [1, 16, 256];

    // With 1,024 outstanding a sync carries a megabyte of them: only there can the sequential rate be a measure.
    private static readonly (int BodyBytes, int[] Windows)[] Sizes = [(100, Windows), (1_024, [.. Windows, 1_024])];

    internal static async Task RunAsync(Arguments arguments, Report report)
    {
        string directory = arguments.Directory;
        TimeSpan duration = arguments.Duration;
        await using (DurableBroker broker = await DurableBroker.StartAsync(Path.Combine(directory, "broker")))
        {
            await report.RunAsync(Measurements(directory, duration, arguments.IsQuick, broker));
        }

        Directory.Delete(Path.Combine(directory, "broker"), recursive: true);
        if (arguments.BacklogCount > 0)
        {
            await Backlog.RunAsync(Path.Combine(directory, "backlog"), arguments.BacklogCount, arguments.BacklogBodyBytes, report);
        }

        await Maintenance.RunAsync(Path.Combine(directory, "maintenance"), TimeSpan.FromSeconds(arguments.IsQuick ? 5 : 20), report);
    }

    // Each of ours stands right behind what it is compared with.
    private static List<Measurement> Measurements(string directory, TimeSpan duration, bool isQuick, DurableBroker broker)
    {
        List<Measurement> all = [];
        Measurement sequential = Add(all, "disk: sequential write, as messages of 1 KB", _ => Task.FromResult(
            RawFile.WriteSequentially(directory, (isQuick ? 128L : 512L) << 20, 1_024)));
        foreach ((int bodyBytes, int[] windows) in Sizes)
        {
            foreach (int window in windows)
            {
                string what = string.Create(CultureInfo.InvariantCulture, $"{bodyBytes} B, {window} outstanding");
                Measurement append = Add(all, $"raw append + sync, {bodyBytes} B, {window} a sync", latencies => Task.Run(
                    () => RawFile.Append(directory, bodyBytes, window, duration, latencies)));
                Measurement overwrite = Add(all, $"raw, recycled file, {bodyBytes} B, {window} a sync", latencies => Task.Run(
                    () => RawFile.Overwrite(directory, bodyBytes, window, duration, latencies)));
                Measurement synced = Add(all, $"publish Synced, {what}", latencies => broker.PublishAsync(bodyBytes, window, PublishFlags.None, duration, latencies));
                synced.ComparedWith("of raw append + sync", append).ComparedWith("of raw recycled", overwrite);
                if (bodyBytes == 1_024)
                {
                    synced.ComparedWith("of sequential", sequential);
                }
                else
                {
                    synced.ComparedWith("x FasterLog default", Add(all, $"FasterLog default parts, {what}", latencies => DefaultFasterLog.AppendAsync(
                        directory, bodyBytes, window, duration, latencies)));
                    Add(all, $"publish OsBuffered, {what}", latencies => broker.PublishAsync(bodyBytes, window, PublishFlags.ConfirmOsBuffered, duration, latencies))
                        .ComparedWith("x Synced", synced);
                }

                if (window >= 256)
                {
                    Add(all, $"publish + consume + ack, {what}", latencies => broker.PublishAndConsumeAsync(bodyBytes, window, duration, latencies))
                        .ComparedWith("of publish alone", synced);
                }
            }
        }

        return all;
    }

    private static Measurement Add(List<Measurement> all, string name, Func<LatencyHistogram, Task<Outcome>> run)
    {
        Measurement measurement = new(name, run);
        all.Add(measurement);
        return measurement;
    }
}
