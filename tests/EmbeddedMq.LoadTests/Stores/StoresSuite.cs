using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Peers;

namespace EmbeddedMq.LoadTests.Stores;

/// <summary>What remembering costs: each store of idempotent consumers, and each outbox with its relay.</summary>
internal static class StoresSuite
{
    private const double WantedTimesSqlite = 20;

    private static readonly int[] Parallel = [1, 16, 256];

    internal static async Task RunAsync(Arguments arguments, Report report)
    {
        Targets targets = new();
        await using Disposables disposables = new();
        await MarksAsync(arguments, report, targets, disposables);
        await report.RunAsync(OutboxRun.Measurements(arguments, disposables));
        report.AddSection(targets.ToMarkdown());
    }

    private static async Task MarksAsync(Arguments arguments, Report report, Targets targets, Disposables disposables)
    {
        ILookup<bool, StoreUnderLoad> stores = StoreUnderLoad.All(arguments.Directory).ToLookup(static store => store.Absence is null);
        foreach (StoreUnderLoad store in stores[true])
        {
            disposables.Add(store);
        }

        foreach (StoreUnderLoad store in stores[false])
        {
            report.Add(store.Name, $"skipped: {store.Absence}");
        }

        foreach (int workers in Parallel)
        {
            Dictionary<string, Measurement> duplicates = Measure("duplicates", StoreRun.DuplicatesAsync);
            Dictionary<string, Measurement> firsts = Measure("claim + complete", StoreRun.FirstsAsync);
            await report.RunAsync(duplicates.Values.Concat(firsts.Values));
            string times = string.Create(CultureInfo.InvariantCulture, $"Duplicate checks, {workers} in parallel, in SQLite's");
            targets.AtLeast(times, WantedTimesSqlite, duplicates[StoreUnderLoad.Embedded].RatiosTo(duplicates[StoreUnderLoad.Sqlite]));

            Dictionary<string, Measurement> Measure(string what, Func<IIdempotenceStore, int, TimeSpan, Task<Outcome>> run)
            {
                Dictionary<string, Measurement> all = stores[true].ToDictionary(
                    static store => store.Name,
                    store => new Measurement(
                        string.Create(CultureInfo.InvariantCulture, $"{what}, {workers} in parallel · {store.Name}"),
                        async _ => await run(await store.GetAsync(), workers, arguments.Duration)));
                all[StoreUnderLoad.Embedded].ComparedWith("x SQLite", all[StoreUnderLoad.Sqlite]);
                return all;
            }
        }
    }
}
