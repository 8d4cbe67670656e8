using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Makes fingerprints of what messages say: XXH3 with 128 bits, which is fast and finds every accidental difference. No defence against somebody who makes collisions on purpose.</summary>
/// <remarks>They are stored and compared after years: what is hashed here, and how it is written, stays as it is.</remarks>
internal static class Fingerprints
{
    private const int MaxStackBytes = 512;

    /// <summary>Of a body.</summary>
    /// <param name="body">The body.</param>
    public static Fingerprint OfBody(ReadOnlySpan<byte> body)
    {
        UInt128 hash = XxHash128.HashToUInt128(body);
        return new Fingerprint((ulong)(hash >> 64), (ulong)hash);
    }

    /// <summary>Of a text, as UTF-8.</summary>
    /// <param name="text">The text.</param>
    public static Fingerprint OfText(string text)
    {
        int most = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (most <= MaxStackBytes)
        {
            Span<byte> bytes = stackalloc byte[most];
            return OfBody(bytes[..Encoding.UTF8.GetBytes(text, bytes)]);
        }

        return OfBody(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Of a body or text together with headers.</summary>
    /// <param name="content">The fingerprint of body or text.</param>
    /// <param name="headers">The message's headers.</param>
    /// <param name="names">Which of them, in the order in which they count.</param>
    /// <remarks>Hashed are the sixteen bytes of the content, then each name and value with its length or kind before it, so that no two different
    /// choices are written alike. Integers of every width count as the same number: a broker may narrow them on the way.</remarks>
    public static Fingerprint WithHeaders(Fingerprint content, HeaderTable headers, string[] names)
    {
        ArrayBufferWriter<byte> buffer = new(256);
        content.WriteTo(buffer.GetSpan(Fingerprint.ByteCount));
        buffer.Advance(Fingerprint.ByteCount);
        foreach (string name in names)
        {
            WriteText(buffer, name);
            if (headers.TryGetValue(name, out object? value))
            {
                WriteValue(buffer, value);
            }
            else
            {
                WriteKind(buffer, 'n');
            }
        }

        return OfBody(buffer.WrittenSpan);
    }

    /// <summary>Of a message's scope and id: what the ids of the messages that its handler sends begin with.</summary>
    /// <param name="key">The message.</param>
    public static Fingerprint OfIdentity(in IdempotenceKey key)
    {
        ArrayBufferWriter<byte> buffer = new(128);
        WriteText(buffer, key.Scope);
        WriteText(buffer, key.MessageId);
        return OfBody(buffer.WrittenSpan);
    }

    private static void WriteValue(ArrayBufferWriter<byte> buffer, object? value)
    {
        if (HeaderTable.TryGetInteger(value, out long number))
        {
            WriteKind(buffer, 'i');
            WriteLong(buffer, number);
            return;
        }

        switch (value)
        {
            case null:
                WriteKind(buffer, 'v');
                break;
            case string text:
                WriteKind(buffer, 's');
                WriteText(buffer, text);
                break;
            case byte[] bytes:
                WriteKind(buffer, 'b');
                WriteLong(buffer, bytes.Length);
                buffer.Write(bytes);
                break;
            case bool flag:
                WriteKind(buffer, flag ? 'T' : 'F');
                break;
            case DateTimeOffset moment:
                WriteKind(buffer, 't');
                WriteLong(buffer, moment.ToUnixTimeSeconds());
                break;
            case double real:
                WriteKind(buffer, 'd');
                WriteLong(buffer, BitConverter.DoubleToInt64Bits(real));
                break;
            case float real:
                WriteKind(buffer, 'f');
                WriteLong(buffer, BitConverter.SingleToInt32Bits(real));
                break;
            case decimal real:
                WriteKind(buffer, 'D');
                Span<int> parts = stackalloc int[4];
                decimal.GetBits(real, parts);
                buffer.Write(MemoryMarshal.AsBytes(parts));
                break;
            case HeaderTable table:
                WriteKind(buffer, 'm');
                WriteLong(buffer, table.Count);
                foreach ((string name, object? inner) in table.Entries)
                {
                    WriteText(buffer, name);
                    WriteValue(buffer, inner);
                }

                break;
            case System.Collections.IEnumerable list:
                WriteKind(buffer, 'l');
                foreach (object? inner in list)
                {
                    WriteValue(buffer, inner);
                }

                WriteKind(buffer, 'e');
                break;
            default:
                WriteKind(buffer, 'o');
                WriteText(buffer, Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture) ?? "");
                break;
        }
    }

    private static void WriteKind(ArrayBufferWriter<byte> buffer, char kind)
    {
        buffer.GetSpan(1)[0] = (byte)kind;
        buffer.Advance(1);
    }

    private static void WriteLong(ArrayBufferWriter<byte> buffer, long number)
    {
        BinaryPrimitives.WriteInt64BigEndian(buffer.GetSpan(sizeof(long)), number);
        buffer.Advance(sizeof(long));
    }

    private static void WriteText(ArrayBufferWriter<byte> buffer, string text)
    {
        WriteLong(buffer, Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, buffer);
    }
}
