using System.Globalization;

namespace EmbeddedMq.LoadTests.Measuring;

/// <summary>The results of several repetitions.</summary>
internal sealed class Series(IEnumerable<double> values)
{
    private readonly double[] _sorted = [.. values.Order()];

    internal bool IsEmpty => _sorted.Length == 0;

    internal double Median => _sorted.Length % 2 == 1
        ? _sorted[_sorted.Length / 2]
        : (_sorted[(_sorted.Length / 2) - 1] + _sorted[_sorted.Length / 2]) / 2;

    internal double Min => _sorted[0];

    internal double Max => _sorted[^1];

    /// <summary>Median [min-max], each with so few digits as say something.</summary>
    public override string ToString() => IsEmpty ? "-" : $"{Format(Median)} [{Format(_sorted[0])}-{Format(_sorted[^1])}]";

    /// <summary>Three digits, and a letter for thousands and millions.</summary>
    internal static string Format(double value) => value switch
    {
        >= 1e6 => Digits(value / 1e6) + " M",
        >= 1e4 => Digits(value / 1e3) + " k",
        _ => Digits(value),
    };

    private static string Digits(double value)
        => value.ToString(value >= 100 ? "F0" : value >= 10 ? "F1" : "F2", CultureInfo.InvariantCulture);
}
