using System.Globalization;
using System.Text;
using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>What EmbeddedMq is to reach, and what this run says about it.</summary>
internal sealed class Targets
{
    private readonly List<string> _rows = [];

    /// <summary>Wants a value that is large enough.</summary>
    internal void AtLeast(string what, double limit, Series measured, string unit = "") => Add(what, "≥", limit, measured, unit, measured.IsEmpty || measured.Median >= limit);

    /// <summary>Wants a value that is small enough.</summary>
    internal void AtMost(string what, double limit, Series measured, string unit = "") => Add(what, "≤", limit, measured, unit, measured.IsEmpty || measured.Median <= limit);

    internal string ToMarkdown()
    {
        StringBuilder text = new();
        text.AppendLine("## Targets");
        text.AppendLine();
        text.AppendLine("Ratios of pairs within one repetition; median [min-max]. The median decides.");
        text.AppendLine();
        text.AppendLine("| | wanted | measured | reached |");
        text.AppendLine("| --- | --- | --- | --- |");
        foreach (string row in _rows)
        {
            text.AppendLine(row);
        }

        return text.ToString().TrimEnd();
    }

    private void Add(string what, string relation, double limit, Series measured, string unit, bool isReached)
    {
        if (!measured.IsEmpty)
        {
            _rows.Add(string.Create(CultureInfo.InvariantCulture, $"| {what} | {relation} {Wanted(limit)}{unit} | {measured}{unit} | {(isReached ? "yes" : "**no**")} |"));
        }
    }

    private static string Wanted(double limit) => limit >= 1e4 ? Series.Format(limit) : limit.ToString("0.##", CultureInfo.InvariantCulture);
}
