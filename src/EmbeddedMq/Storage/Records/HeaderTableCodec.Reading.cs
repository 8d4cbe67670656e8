using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace EmbeddedMq.Storage.Records;

/// <content>Reading.</content>
internal static partial class HeaderTableCodec
{
    private const long MinSeconds = -62_135_596_800; // year 1
    private const long MaxSeconds = 253_402_300_799; // year 9999

    // Grown as values come: a count may lie.
    private const int FirstCapacity = 16;

    /// <summary>Reads a table.</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="texts">Gives one object for equal names.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static HeaderTable Read(scoped ref ByteReader reader, StringCache? texts) => ReadTable(ref reader, texts, 1);

    private static HeaderTable ReadTable(scoped ref ByteReader reader, StringCache? texts, int depth)
    {
        int count = CountAt(ref reader, depth);
        if (count == 0)
        {
            return HeaderTable.Empty;
        }

        List<KeyValuePair<string, object?>> entries = new(Math.Min(count, FirstCapacity));
        for (int i = 0; i < count; i++)
        {
            int begin = reader.Position;
            string name = reader.Text(texts);
            if (reader.Position - begin > Encoded.BlobLength(byte.MaxValue))
            {
                reader.Fail("a header's name is longer than 255 bytes");
            }

            entries.Add(new KeyValuePair<string, object?>(name, ReadValue(ref reader, texts, depth)));
        }

        HeaderTable table = new(entries);
        if (table.Count != count)
        {
            reader.Fail("a table has a name twice");
        }

        return table;
    }

    private static object? ReadValue(scoped ref ByteReader reader, StringCache? texts, int depth)
    {
        Tag tag = (Tag)reader.Byte();
        switch (tag)
        {
            case Tag.Null:
                return null;
            case Tag.False:
                return false;
            case Tag.True:
                return true;
            case Tag.SByte:
                return (sbyte)reader.Byte();
            case Tag.Byte:
                return reader.Byte();
            case Tag.Int16:
                return (short)Encoded.UnZigZag(reader.Varint(ushort.MaxValue, "a short"));
            case Tag.UInt16:
                return (ushort)reader.Varint(ushort.MaxValue, "a ushort");
            case Tag.Int32:
                return (int)Encoded.UnZigZag(reader.Varint(uint.MaxValue, "an int"));
            case Tag.UInt32:
                return reader.VarUInt32("a uint");
            case Tag.Int64:
                return Encoded.UnZigZag(reader.Varint());
            case Tag.Single:
                return BitConverter.UInt32BitsToSingle(reader.UInt32());
            case Tag.Double:
                return BitConverter.Int64BitsToDouble(reader.Int64());
            case Tag.Decimal:
                return ReadDecimal(ref reader);
            case Tag.Text:
                return reader.Text(null);
            case Tag.Bytes:
                return reader.Blob().ToArray();
            case Tag.Timestamp:
                return ReadTimestamp(ref reader);
            case Tag.Table:
                return ReadTable(ref reader, texts, depth + 1);
            case Tag.List:
                return ReadList(ref reader, texts, depth + 1);
            default:
                reader.Fail($"no value is of type {(byte)tag}");
                return null;
        }
    }

    private static object?[] ReadList(scoped ref ByteReader reader, StringCache? texts, int depth)
    {
        int count = CountAt(ref reader, depth);
        List<object?> items = new(Math.Min(count, FirstCapacity));
        for (int i = 0; i < count; i++)
        {
            items.Add(ReadValue(ref reader, texts, depth));
        }

        return [.. items];
    }

    private static decimal ReadDecimal(scoped ref ByteReader reader)
    {
        Span<int> bits = stackalloc int[4];
        reader.Bytes(DecimalBytes).CopyTo(MemoryMarshal.AsBytes(bits));
        if (!BitConverter.IsLittleEndian)
        {
            foreach (ref int part in bits)
            {
                part = BinaryPrimitives.ReverseEndianness(part);
            }
        }

        // The flags hold the sign in the highest bit and the scale, 0 to 28, in the third byte.
        if ((bits[3] & 0x7F00_FFFF) != 0 || (bits[3] >> 16 & 0xFF) > 28)
        {
            reader.Fail("a decimal has no such scale");
        }

        return new decimal(bits);
    }

    private static DateTimeOffset ReadTimestamp(scoped ref ByteReader reader)
    {
        long seconds = reader.Int64();
        if (seconds is < MinSeconds or > MaxSeconds)
        {
            reader.Fail("a timestamp is beyond the calendar");
        }

        return DateTimeOffset.FromUnixTimeSeconds(seconds);
    }

    private static int CountAt(scoped ref ByteReader reader, int depth)
    {
        if (depth > MaxDepth)
        {
            reader.Fail($"tables are nested deeper than {MaxDepth} levels");
        }

        return reader.Count("values");
    }
}
