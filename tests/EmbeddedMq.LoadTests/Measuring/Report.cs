using System.Globalization;
using System.Text;

namespace EmbeddedMq.LoadTests.Measuring;

/// <summary>Runs measurements in turn and makes one table of them.</summary>
internal sealed class Report(Arguments arguments)
{
    private readonly List<string[]> _rows = [];
    private readonly string _loadBefore = Machine.Load();
    private readonly StringBuilder _sections = new();

    /// <summary>Repeats all measurements in turn, and adds their rows.</summary>
    internal async Task RunAsync(IEnumerable<Measurement> all)
    {
        Measurement[] measurements = [.. all.Where(measurement => arguments.Only is null || measurement.Name.Contains(arguments.Only, StringComparison.OrdinalIgnoreCase))];
        for (int repetition = 0; repetition <= arguments.Repetitions; repetition++)
        {
            foreach (Measurement measurement in measurements)
            {
                await measurement.RunAsync();
                if (repetition == 0)
                {
                    measurement.Clear(); // the first time is to warm up
                }
            }

            Console.Error.WriteLine($"repetition {repetition} of {arguments.Repetitions}");
        }

        foreach (Measurement measurement in measurements)
        {
            string ratios = string.Join("<br>", measurement.Baselines
                .Select(baseline => (baseline.Words, Ratios: measurement.RatiosTo(baseline.Baseline)))
                .Where(static baseline => !baseline.Ratios.IsEmpty)
                .Select(static baseline => $"{baseline.Ratios} {baseline.Words}"));
            Add(
                measurement.Name,
                measurement.Rates + " /s",
                ratios,
                measurement.Latencies.ToString(),
                Series.Format(measurement.ProcessorMicroseconds.Median),
                Series.Format(measurement.AllocatedBytes.Median));
        }
    }

    /// <summary>Adds a row.</summary>
    internal void Add(string name, string result, string ratios = "", string latencies = "", string processor = "", string allocated = "")
        => _rows.Add([name, result, ratios, latencies, processor, allocated]);

    /// <summary>Adds a text behind the table.</summary>
    internal void AddSection(string markdown) => _sections.AppendLine().AppendLine(markdown);

    internal string ToMarkdown()
    {
        StringBuilder text = new();
        text.AppendLine(CultureInfo.InvariantCulture, $"# Load test: {arguments.Suite}");
        text.AppendLine();
        text.AppendLine(Machine.Describe(arguments.Directory, _loadBefore));
        text.AppendLine(CultureInfo.InvariantCulture, $"- {arguments.Repetitions} repetitions, all measurements in turn; median [min-max]; ratios of pairs within one repetition");
        text.AppendLine();
        text.AppendLine("| | result | ratio | latency us, p50 / p99 / p99.9 | CPU us a message | allocated bytes a message |");
        text.AppendLine("| --- | --- | --- | --- | --- | --- |");
        foreach (string[] row in _rows)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {string.Join(" | ", row)} |");
        }

        return text.Append(_sections).ToString();
    }
}
