using EmbeddedMq.Errors;

namespace EmbeddedMq.Storage.Records;

/// <summary>Field tables as bytes: every value comes back with its type, every entry at its place.</summary>
/// <remarks>
/// <para>A table is the varint of its count, then each entry's name (text) and value. A value is a byte that names its type, then:</para>
/// <code>
///  0 null   1 false   2 true    nothing
///  3 sbyte  4 byte              one byte
///  5 short  7 int     9 long    varint, sign folded into the lowest bit
///  6 ushort 8 uint              varint
/// 10 float                      4 bytes, its bits
/// 11 double                     8 bytes, its bits
/// 12 decimal                    16 bytes, its bits: low, middle, high, flags
/// 13 string                     text
/// 14 byte array                 varint length, bytes
/// 15 timestamp                  8 bytes, seconds since 1970
/// 16 table                      as above
/// 17 list                       varint count, values
/// </code>
/// </remarks>
internal static partial class HeaderTableCodec
{
    /// <summary>How deep tables and lists may be nested, the outermost counted. Publishing refuses more than 65 levels.</summary>
    internal const int MaxDepth = 256;

    private const int DecimalBytes = 4 * sizeof(int);

    private enum Tag : byte
    {
        Null, False, True, SByte, Byte, Int16, UInt16, Int32, UInt32, Int64, Single, Double, Decimal, Text, Bytes, Timestamp, Table, List,
    }

    /// <summary>How many bytes a table takes.</summary>
    /// <param name="table">The table.</param>
    /// <exception cref="ArgumentException">It is nested deeper than <see cref="MaxDepth"/>.</exception>
    internal static int GetLength(HeaderTable table) => GetLength(table, 1);

    /// <summary>Writes a table.</summary>
    /// <param name="writer">The writer.</param>
    /// <param name="table">The table.</param>
    internal static void Write(ref ByteWriter writer, HeaderTable table)
    {
        writer.Varint((uint)table.Count);
        foreach (ref readonly KeyValuePair<string, object?> entry in table.Entries)
        {
            writer.Text(entry.Key);
            WriteValue(ref writer, entry.Value);
        }
    }

    private static int GetLength(HeaderTable table, int depth)
    {
        CheckDepth(depth);
        int length = Encoded.VarintLength((uint)table.Count);
        foreach (ref readonly KeyValuePair<string, object?> entry in table.Entries)
        {
            length = checked(length + Encoded.TextLength(entry.Key) + LengthOfValue(entry.Value, depth));
        }

        return length;
    }

    private static int LengthOfValue(object? value, int depth) => 1 + value switch
    {
        null or bool => 0,
        sbyte or byte => 1,
        short number => Encoded.VarintLength(Encoded.ZigZag(number)),
        ushort number => Encoded.VarintLength(number),
        int number => Encoded.VarintLength(Encoded.ZigZag(number)),
        uint number => Encoded.VarintLength(number),
        long number => Encoded.VarintLength(Encoded.ZigZag(number)),
        float => sizeof(float),
        double => sizeof(double),
        decimal => DecimalBytes,
        string text => Encoded.TextLength(text),
        byte[] bytes => Encoded.BlobLength(bytes.Length),
        DateTimeOffset => sizeof(long),
        HeaderTable table => GetLength(table, depth + 1),
        IReadOnlyList<object?> list => LengthOfList(list, depth + 1),
        _ => throw NoSuchType(value),
    };

    private static int LengthOfList(IReadOnlyList<object?> list, int depth)
    {
        CheckDepth(depth);
        int length = Encoded.VarintLength((uint)list.Count);
        for (int i = 0; i < list.Count; i++)
        {
            length = checked(length + LengthOfValue(list[i], depth));
        }

        return length;
    }

    private static void WriteValue(ref ByteWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.Byte((byte)Tag.Null);
                break;
            case bool flag:
                writer.Byte((byte)(flag ? Tag.True : Tag.False));
                break;
            case string text:
                writer.Byte((byte)Tag.Text);
                writer.Text(text);
                break;
            case int number:
                WriteInteger(ref writer, Tag.Int32, Encoded.ZigZag(number));
                break;
            case long number:
                WriteInteger(ref writer, Tag.Int64, Encoded.ZigZag(number));
                break;
            case short number:
                WriteInteger(ref writer, Tag.Int16, Encoded.ZigZag(number));
                break;
            case ushort number:
                WriteInteger(ref writer, Tag.UInt16, number);
                break;
            case uint number:
                WriteInteger(ref writer, Tag.UInt32, number);
                break;
            case sbyte number:
                writer.Byte((byte)Tag.SByte);
                writer.Byte((byte)number);
                break;
            case byte number:
                writer.Byte((byte)Tag.Byte);
                writer.Byte(number);
                break;
            case byte[] bytes:
                writer.Byte((byte)Tag.Bytes);
                writer.Blob(bytes);
                break;
            case HeaderTable table:
                writer.Byte((byte)Tag.Table);
                Write(ref writer, table);
                break;
            case IReadOnlyList<object?> list:
                WriteList(ref writer, list);
                break;
            default:
                WriteFixedWidth(ref writer, value);
                break;
        }
    }

    private static void WriteInteger(ref ByteWriter writer, Tag tag, ulong value)
    {
        writer.Byte((byte)tag);
        writer.Varint(value);
    }

    private static void WriteList(ref ByteWriter writer, IReadOnlyList<object?> list)
    {
        writer.Byte((byte)Tag.List);
        writer.Varint((uint)list.Count);
        for (int i = 0; i < list.Count; i++)
        {
            WriteValue(ref writer, list[i]);
        }
    }

    private static void WriteFixedWidth(ref ByteWriter writer, object value)
    {
        switch (value)
        {
            case float number:
                writer.Byte((byte)Tag.Single);
                writer.UInt32(BitConverter.SingleToUInt32Bits(number));
                break;
            case double number:
                writer.Byte((byte)Tag.Double);
                writer.Int64(BitConverter.DoubleToInt64Bits(number));
                break;
            case DateTimeOffset time:
                writer.Byte((byte)Tag.Timestamp);
                writer.Int64(time.ToUnixTimeSeconds());
                break;
            case decimal number:
                writer.Byte((byte)Tag.Decimal);
                Span<int> bits = stackalloc int[4];
                decimal.GetBits(number, bits);
                foreach (int part in bits)
                {
                    writer.UInt32((uint)part);
                }

                break;
            default:
                throw NoSuchType(value);
        }
    }

    private static void CheckDepth(int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ArgumentException(MqErrors.TableTooDeep(MaxDepth));
        }
    }

    private static InvalidOperationException NoSuchType(object value) => new($"A field table holds a {value.GetType()}.");
}
