using System.Text;
using RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Wire;

/// <summary>Field tables on their way to and from RabbitMQ.Client, which writes a string as a long string and reads it as bytes.</summary>
/// <remarks>
/// <para>To the wire: a string becomes a long string (<c>S</c>), bytes a byte array (<c>x</c>), a time a timestamp in seconds (<c>T</c>).
/// From the wire: a long string that is valid UTF-8 becomes a string, any other stays bytes; the rest comes back as it was sent.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal static class WireTable
{
    private const int MaxNameBytes = 255;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A table as RabbitMQ.Client takes it; <see langword="null"/> for an empty one, which is not sent.</summary>
    /// <param name="table">The table.</param>
    internal static Dictionary<string, object?>? ToWire(HeaderTable? table)
    {
        if (table is null || table.Count == 0)
        {
            return null;
        }

        Dictionary<string, object?> wire = new(table.Count, StringComparer.Ordinal);
        foreach (KeyValuePair<string, object?> entry in table.Entries)
        {
            wire.Add(entry.Key, ValueToWire(entry.Value));
        }

        return wire;
    }

    /// <summary>A table as RabbitMQ.Client gave it; a name that is too long in UTF-8 is cut off at what a name may have.</summary>
    /// <param name="wire">The table; <see langword="null"/> for none.</param>
    /// <remarks>The client turns each byte that is no UTF-8 into a replacement character, which takes three. A message with such names must be
    /// delivered all the same.</remarks>
    internal static HeaderTable FromWire(IDictionary<string, object?>? wire)
        => wire is null || wire.Count == 0
            ? HeaderTable.Empty
            : new HeaderTable(wire.Select(static entry => KeyValuePair.Create(NameFromWire(entry.Key), ValueFromWire(entry.Value))));

    /// <summary>A time as RabbitMQ.Client gave it; one that no <see cref="DateTimeOffset"/> can be becomes the first or the last that one can be.</summary>
    /// <param name="time">The time.</param>
    /// <remarks>Some applications send milliseconds where the protocol has seconds. Their messages must be delivered all the same.</remarks>
    internal static DateTimeOffset TimeFromWire(AmqpTimestamp time)
        => DateTimeOffset.FromUnixTimeSeconds(
            Math.Clamp(time.UnixTime, DateTimeOffset.MinValue.ToUnixTimeSeconds(), DateTimeOffset.MaxValue.ToUnixTimeSeconds()));

    private static object? ValueToWire(object? value) => value switch
    {
        byte[] bytes => new BinaryTableValue(bytes),
        DateTimeOffset time => new AmqpTimestamp(time.ToUnixTimeSeconds()),
        HeaderTable table => ToWire(table) ?? [],
        IReadOnlyList<object?> list => list.Select(ValueToWire).ToList(),
        _ => value,
    };

    private static object? ValueFromWire(object? value) => value switch
    {
        byte[] text => TextOrBytes(text),
        BinaryTableValue binary => binary.Bytes,
        AmqpTimestamp time => TimeFromWire(time),
        IDictionary<string, object?> table => FromWire(table),
        IEnumerable<object?> list => list.Select(ValueFromWire).ToList(),
        _ => value,
    };

    private static string NameFromWire(string name)
    {
        if (name.Length <= MaxNameBytes / 3)
        {
            return name;
        }

        int bytes = 0;
        int length = 0;
        foreach (Rune rune in name.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > MaxNameBytes)
            {
                return name[..length];
            }

            length += rune.Utf16SequenceLength;
        }

        return name;
    }

    private static object TextOrBytes(byte[] text)
    {
        try
        {
            return StrictUtf8.GetString(text);
        }
        catch (DecoderFallbackException)
        {
            return text; // a long string of bytes that are no text
        }
    }
}
