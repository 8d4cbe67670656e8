using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;

namespace EmbeddedMq.Storage.Records;

/// <summary>Reads what <see cref="ByteWriter"/> wrote, one value behind the other.</summary>
/// <param name="source">The bytes; any.</param>
/// <remarks>Every method gives a value or throws <see cref="RecordFormatException"/>, and allocates no more than the bytes it consumes ask for.</remarks>
internal ref struct ByteReader(ReadOnlySpan<byte> source)
{
    private readonly ReadOnlySpan<byte> _source = source;

    /// <summary>How many bytes have been read.</summary>
    internal int Position { get; private set; }

    /// <summary>How many bytes are left.</summary>
    internal readonly int Remaining => _source.Length - Position;

    /// <summary>Whether nothing is left.</summary>
    internal readonly bool IsAtEnd => Position == _source.Length;

    /// <summary>Throws <see cref="RecordFormatException"/> for this place.</summary>
    [DoesNotReturn]
    internal readonly void Fail(string fault) => RecordFormatException.Throw(fault, Position, _source.Length);

    internal byte Byte()
    {
        if (Position >= _source.Length)
        {
            Fail("it ends too early");
        }

        return _source[Position++];
    }

    internal ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(sizeof(ushort)));

    internal uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(sizeof(uint)));

    internal long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Bytes(sizeof(long)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Varint()
    {
        // Most are below 128.
        if (Position < _source.Length && _source[Position] < 0x80)
        {
            return _source[Position++];
        }

        return LongVarint();
    }

    /// <summary>A varint of at most a given value.</summary>
    internal ulong Varint(ulong max, string what)
    {
        ulong value = Varint();
        if (value > max)
        {
            Fail($"{what} is {value}, beyond {max}");
        }

        return value;
    }

    internal uint VarUInt32(string what) => (uint)Varint(uint.MaxValue, what);

    internal int VarInt32(string what) => (int)Varint(int.MaxValue, what);

    /// <summary>An address: at most 52 bits.</summary>
    internal long Address() => (long)Varint((ulong)StoredId.MaxAddress, "an address");

    /// <summary>What <see cref="ByteWriter.Id"/> wrote.</summary>
    internal StoredId Id()
    {
        long address = Address();
        return new StoredId(address, (int)Varint(StoredId.MaxMessages - 1, "an index"));
    }

    /// <summary>How many elements follow, each of at least one byte.</summary>
    internal int Count(string what)
    {
        ulong count = Varint();
        if (count > (ulong)Remaining)
        {
            Fail($"{what} are {count}, with {Remaining} bytes left");
        }

        return (int)count;
    }

    internal ReadOnlySpan<byte> Bytes(int count)
    {
        if ((uint)count > (uint)Remaining)
        {
            Fail($"{count} bytes are missing");
        }

        ReadOnlySpan<byte> bytes = _source.Slice(Position, count);
        Position += count;
        return bytes;
    }

    /// <summary>What <see cref="ByteWriter.Blob"/> or <see cref="ByteWriter.Text"/> wrote, as bytes.</summary>
    internal ReadOnlySpan<byte> Blob() => Bytes(Count("bytes"));

    /// <summary>A text.</summary>
    /// <param name="texts">Gives one object for equal texts; <see langword="null"/>: a new one each time.</param>
    internal string Text(StringCache? texts)
    {
        ReadOnlySpan<byte> bytes = Blob();
        return texts is null ? Decode(bytes) : texts.TryFind(bytes, out string? text) ? text : texts.Keep(bytes, Decode(bytes));
    }

    /// <summary>Throws unless nothing is left.</summary>
    internal readonly void AssertAtEnd()
    {
        if (!IsAtEnd)
        {
            Fail($"{Remaining} bytes follow its end");
        }
    }

    private readonly string Decode(ReadOnlySpan<byte> bytes)
    {
        if (!Utf8.IsValid(bytes))
        {
            Fail("a text is not UTF-8");
        }

        return Encoding.UTF8.GetString(bytes);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong LongVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Byte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                // The tenth byte has room for one bit, and a last byte of zero would be a second way to write the same number.
                if ((shift == 63 && next > 1) || (next == 0 && shift > 0))
                {
                    break;
                }

                return value;
            }
        }

        Fail("a number is longer than it may be");
        return 0;
    }
}
