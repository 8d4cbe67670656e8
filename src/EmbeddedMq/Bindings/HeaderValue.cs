using System.Globalization;
using System.Text;

namespace EmbeddedMq.Bindings;

/// <summary>Compares the value of a headers binding with the value in a message.</summary>
/// <remarks>
/// Source: RabbitMQ 4, measured and read. Integers of any width are equal by value; a string equals a byte array with the same bytes; a
/// void value in the binding asks for presence only. Numbers and strings, integers and floats (1 and 1.0; RabbitMQ 3 took these as
/// equal), booleans and numbers are never equal; lists and tables are compared deep, there by type and value. One difference on purpose: a
/// timestamp equals an equal timestamp, which RabbitMQ 4 misses because it compares milliseconds with seconds.
/// </remarks>
internal static class HeaderValue
{
    /// <summary>Whether a message's value satisfies a binding's.</summary>
    /// <param name="wanted">The binding's.</param>
    /// <param name="actual">The message's.</param>
    internal static bool Matches(object? wanted, object? actual)
    {
        switch (wanted)
        {
            case null:
                return true;
            case string text:
                return actual is byte[] raw ? AreSame(text, raw) : string.Equals(text, actual as string, StringComparison.Ordinal);
            case byte[] bytes:
                return actual is string other ? AreSame(other, bytes) : actual is byte[] same && bytes.AsSpan().SequenceEqual(same);
            case float or double:
                return actual is float or double && ToDouble(wanted).Equals(ToDouble(actual));
            default:
                return HeaderTable.TryGetInteger(wanted, out long number)
                    ? HeaderTable.TryGetInteger(actual, out long otherNumber) && number == otherNumber
                    : HeaderTable.ValueEquals(wanted, actual);
        }
    }

    private static double ToDouble(object value) => Convert.ToDouble(value, CultureInfo.InvariantCulture);

    private static bool AreSame(string text, byte[] bytes)
        => Encoding.UTF8.GetByteCount(text) == bytes.Length && Encoding.UTF8.GetBytes(text).AsSpan().SequenceEqual(bytes);
}
