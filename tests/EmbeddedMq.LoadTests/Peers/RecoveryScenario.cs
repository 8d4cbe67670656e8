using System.Diagnostics;
using System.Globalization;
using EmbeddedMq.LoadTests.Measuring;
using EmbeddedMq.LoadTests.Storage;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>S10: how long a broker takes to open, by what waits in it.</summary>
internal static class RecoveryScenario
{
    private const int BodyBytes = 1_024;

    internal static async Task RunAsync(ScenarioContext context)
    {
        int largest = context.Arguments.BacklogCount;
        if (largest == 0 || !context.Wants("S10"))
        {
            return;
        }

        foreach (int count in new[] { 0, largest / 100, largest / 10, largest })
        {
            string directory = Path.Combine(context.Arguments.Directory, string.Create(CultureInfo.InvariantCulture, $"recovery-{count}"));
            await using (DurableBroker broker = await DurableBroker.StartAsync(directory))
            {
                await broker.FillAsync(BodyBytes, count);
            }

            List<double> seconds = [];
            for (int repetition = 0; repetition < context.Arguments.Repetitions; repetition++)
            {
                long start = Stopwatch.GetTimestamp();
                await using DurableBroker broker = await DurableBroker.StartAsync(directory);
                seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                uint found = await broker.CountAsync();
                if (found != count)
                {
                    throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"Of {count} messages, {found} were found."));
                }
            }

            context.Report.Add(string.Create(CultureInfo.InvariantCulture, $"S10 · open with {count:N0} x 1 KB"), new Series(seconds) + " s");
            Directory.Delete(directory, recursive: true);
        }
    }
}
