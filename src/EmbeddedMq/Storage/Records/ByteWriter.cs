using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace EmbeddedMq.Storage.Records;

/// <summary>Writes values one behind the other into a span of the exact length.</summary>
/// <param name="destination">The span.</param>
/// <remarks>
/// Numbers of fixed width are little-endian. A varint is LEB128: seven bits a byte, the lowest first, in the shortest form. A text is the
/// varint of its length in bytes, then UTF-8; half a surrogate pair becomes U+FFFD, as on the wire. A write beyond the end throws: the
/// length was computed wrongly, which is a defect.
/// </remarks>
internal ref struct ByteWriter(Span<byte> destination)
{
    // So many characters are shorter than 128 bytes, and their length is a varint of one byte.
    private const int MaxCharsOfShortText = 127 / 3;

    private readonly Span<byte> _destination = destination;

    /// <summary>How many bytes have been written.</summary>
    internal int Position { get; private set; }

    internal void Byte(byte value) => _destination[Position++] = value;

    internal void UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_destination[Position..], value);
        Position += sizeof(ushort);
    }

    internal void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_destination[Position..], value);
        Position += sizeof(uint);
    }

    internal void Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_destination[Position..], value);
        Position += sizeof(long);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Varint(ulong value)
    {
        int position = Position;
        while (value >= 0x80)
        {
            _destination[position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _destination[position++] = (byte)value;
        Position = position;
    }

    internal void Text(string text)
    {
        if (text.Length <= MaxCharsOfShortText)
        {
            // Counting the bytes first would cost as much again.
            int shortBytes = Encoding.UTF8.GetBytes(text, _destination[(Position + 1)..]);
            _destination[Position] = (byte)shortBytes;
            Position += 1 + shortBytes;
            return;
        }

        Varint((uint)Encoding.UTF8.GetByteCount(text));
        Position += Encoding.UTF8.GetBytes(text, _destination[Position..]);
    }

    internal void Bytes(scoped ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_destination[Position..]);
        Position += bytes.Length;
    }

    /// <summary>Bytes with their length in front.</summary>
    internal void Blob(scoped ReadOnlySpan<byte> bytes)
    {
        Varint((uint)bytes.Length);
        Bytes(bytes);
    }

    /// <summary>An id by itself: the address, then the index, both as varints.</summary>
    internal void Id(StoredId id)
    {
        Varint((ulong)id.Address);
        Varint((uint)id.Index);
    }

    /// <summary>Throws unless the span is full: otherwise the log would keep what was in its buffer before.</summary>
    internal readonly void AssertFull()
    {
        if (Position != _destination.Length)
        {
            throw new InvalidOperationException($"A record body of {_destination.Length} bytes wrote {Position}. This is a defect of the broker.");
        }
    }
}
