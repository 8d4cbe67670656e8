using System.Globalization;
using System.Net;
using System.Text;

namespace EmbeddedMq.LoadTests.Measuring;

/// <summary>Bars for rates that differ a thousandfold, as an SVG: one panel a scenario, one bar a measurement, a line for the range.</summary>
/// <param name="caption">What the lengths mean.</param>
internal sealed class BarChart(string caption)
{
    private const int Width = 860;
    private const int NamesWidth = 300;
    private const int ValuesWidth = 80;
    private const int RowHeight = 20;
    private const int PanelHeaderHeight = 46;
    private const int CaptionHeight = 34;

    private readonly List<(string Title, Measurement[] Bars)> _panels = [];

    /// <summary>Adds a panel; without any measurement that was taken, none.</summary>
    internal void Add(string title, IEnumerable<Measurement> measurements)
    {
        Measurement[] taken = [.. measurements.Where(static measurement => !measurement.Rates.IsEmpty)];
        if (taken.Length > 0)
        {
            _panels.Add((title, taken));
        }
    }

    internal string ToSvg()
    {
        int height = CaptionHeight + _panels.Sum(static panel => PanelHeaderHeight + (panel.Bars.Length * RowHeight)) + 8;
        StringBuilder svg = new();
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" font-family="system-ui, sans-serif" font-size="12">""");
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<rect width="{Width}" height="{height}" fill="#ffffff"/>""");
        Text(svg, 12, 22, "start", "#57606a", caption);
        int top = CaptionHeight;
        foreach ((string title, Measurement[] bars) in _panels)
        {
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="12" y="{top + 18}" font-weight="600" fill="#1f2328">{WebUtility.HtmlEncode(title)}</text>""");
            top += PanelHeaderHeight - 6;
            AddBars(svg, top, bars);
            top += (bars.Length * RowHeight) + 6;
        }

        return svg.AppendLine("</svg>").ToString();
    }

    // Each panel begins a decade below its slowest and ends at its fastest: lengths compare within a panel only, and its grid says the decades.
    private static void AddBars(StringBuilder svg, int top, Measurement[] bars)
    {
        double low = Math.Floor(Math.Log10(bars.Min(static bar => bar.Rates.Min))) - 0.5;
        double high = Math.Log10(bars.Max(static bar => bar.Rates.Max));
        double scale = (Width - NamesWidth - ValuesWidth) / (high - low);
        int bottom = top + (bars.Length * RowHeight);
        for (double decade = Math.Ceiling(low); decade <= high; decade++)
        {
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{X(decade):F1}" x2="{X(decade):F1}" y1="{top}" y2="{bottom}" stroke="#d0d7de"/>""");
            Text(svg, X(decade), top - 3, "middle", "#8c959f", Series.Format(Math.Pow(10, decade)));
        }

        foreach (Measurement bar in bars)
        {
            Series rates = bar.Rates;
            string name = bar.Name[(bar.Name.IndexOf('·', StringComparison.Ordinal) + 1)..].Trim();
            bool isOurs = name.StartsWith("EmbeddedMq", StringComparison.Ordinal);
            double middle = top + (RowHeight / 2.0);
            Text(svg, NamesWidth - 8, middle + 4, "end", isOurs ? "#1f2328" : "#57606a", name);
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{NamesWidth}" y="{top + 3}" width="{X(Math.Log10(rates.Median)) - NamesWidth:F1}" height="{RowHeight - 6}" fill="{(isOurs ? "#0969da" : "#afb8c1")}"/>""");
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{X(Math.Log10(rates.Min)):F1}" x2="{X(Math.Log10(rates.Max)):F1}" y1="{middle:F1}" y2="{middle:F1}" stroke="#1f2328"/>""");
            Text(svg, X(Math.Log10(rates.Max)) + 6, middle + 4, "start", "#1f2328", Series.Format(rates.Median));
            top += RowHeight;
        }

        double X(double logarithm) => NamesWidth + ((logarithm - low) * scale);
    }

    private static void Text(StringBuilder svg, double x, double y, string anchor, string color, string text)
        => svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{x:F1}" y="{y:F1}" text-anchor="{anchor}" fill="{color}">{WebUtility.HtmlEncode(text)}</text>""");
}
