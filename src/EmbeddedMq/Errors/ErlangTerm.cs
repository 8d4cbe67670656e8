using System.Globalization;
using System.Text;

namespace EmbeddedMq.Errors;

/// <summary>Writes values of field tables as RabbitMQ's reply texts do, which are Erlang terms.</summary>
/// <remarks>Source: rabbit_binary_parser for the names of types, io_lib's <c>~p</c> for terms.</remarks>
internal static class ErlangTerm
{
    /// <summary>RabbitMQ's name for the AMQP type of a value: <c>longstr</c>, <c>signedint</c>, <c>long</c>, <c>bool</c> …</summary>
    /// <param name="value">A value that <see cref="HeaderTable"/> holds.</param>
    internal static string TypeOf(object? value) => value switch
    {
        null => "void",
        bool => "bool",
        sbyte => "byte",
        byte => "unsignedbyte",
        short => "short",
        ushort => "unsignedshort",
        int => "signedint",
        uint => "unsignedint",
        long => "long",
        float => "float",
        double => "double",
        decimal => "decimal",
        string => "longstr",
        byte[] => "binary",
        DateTimeOffset => "timestamp",
        HeaderTable => "table",
        IReadOnlyList<object?> => "array",
        _ => throw new ArgumentException($"{value.GetType()} has no place in a field table.", nameof(value)),
    };

    /// <summary>A value as a term: <c>1000</c>, <c>true</c>, <c>&lt;&lt;"text"&gt;&gt;</c>, <c>[{signedint,1}]</c>.</summary>
    /// <param name="value">A value that <see cref="HeaderTable"/> holds.</param>
    internal static string Format(object? value) => value switch
    {
        null => "undefined",
        bool flag => flag ? "true" : "false",
        float number => FormatFloat(number.ToString("R", CultureInfo.InvariantCulture)),
        double number => FormatFloat(number.ToString("R", CultureInfo.InvariantCulture)),
        decimal number => number.ToString(CultureInfo.InvariantCulture),
        string text => text.Length == 0 ? "<<>>" : $"<<\"{Escape(text)}\">>",
        byte[] bytes => $"<<{string.Join(',', bytes)}>>",
        DateTimeOffset time => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        HeaderTable table => $"[{string.Join(',', table.Select(static entry => $"{{{Format(entry.Key)},{TypeOf(entry.Value)},{Format(entry.Value)}}}"))}]",
        IReadOnlyList<object?> list => $"[{string.Join(',', list.Select(static item => $"{{{TypeOf(item)},{Format(item)}}}"))}]",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new ArgumentException($"{value.GetType()} has no place in a field table.", nameof(value)),
    };

    /// <summary>A value within quotes of a text: strings as they are, all else as <see cref="Format"/>.</summary>
    /// <param name="value">A value that <see cref="HeaderTable"/> holds.</param>
    internal static string FormatBare(object? value) => value as string ?? Format(value);

    /// <summary>Whether RabbitMQ takes two values of arguments as equal: integers of any width by value, a byte array as a string of these bytes.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <remarks>Within lists and tables types must be equal too. Source: rabbit_misc:assert_args_equivalence.</remarks>
    internal static bool AreEqual(object? left, object? right)
    {
        if (HeaderTable.ValueEquals(left, right))
        {
            return true;
        }

        if (TryGetInteger(left, out long first) && TryGetInteger(right, out long second))
        {
            return first == second;
        }

        if (left is float or double && right is float or double)
        {
            return Convert.ToDouble(left, CultureInfo.InvariantCulture).Equals(Convert.ToDouble(right, CultureInfo.InvariantCulture));
        }

        return TryGetBytes(left, out byte[] one) && TryGetBytes(right, out byte[] other) && one.AsSpan().SequenceEqual(other);
    }

    // To Erlang a timestamp is an integer like any other.
    private static bool TryGetInteger(object? value, out long number)
    {
        if (value is DateTimeOffset time)
        {
            number = time.ToUnixTimeSeconds();
            return true;
        }

        return HeaderTable.TryGetInteger(value, out number);
    }

    private static bool TryGetBytes(object? value, out byte[] bytes)
    {
        bytes = value switch
        {
            byte[] array => array,
            string text => Encoding.UTF8.GetBytes(text),
            _ => [],
        };
        return value is byte[] or string;
    }

    // Erlang always writes a fraction: 1 is 1.0, and 1E+20 is 1.0e20.
    private static string FormatFloat(string digits)
    {
        int exponent = digits.IndexOf('E', StringComparison.Ordinal);
        string mantissa = exponent < 0 ? digits : digits[..exponent];
        bool isFinite = char.IsAsciiDigit(mantissa[^1]);
        string fraction = isFinite && !mantissa.Contains('.', StringComparison.Ordinal) ? ".0" : "";
        return exponent < 0 ? mantissa + fraction : $"{mantissa}{fraction}e{digits[(exponent + 1)..].TrimStart('+')}";
    }

    private static string Escape(string text)
        => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
