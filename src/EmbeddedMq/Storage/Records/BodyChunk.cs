using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>A piece of a body that is too large for one record: <see cref="RecordKind.BodyChunk"/>.</summary>
/// <remarks>
/// Layout: a byte for the format, 1; varint index; varint length of the whole body, in bytes; the piece, to the end. The message names the
/// addresses of all pieces; index and length guard against a wrong address.
/// </remarks>
internal readonly ref struct BodyChunk : IRecordBody
{
    private const byte Version = 1;

    /// <summary>Makes a chunk.</summary>
    /// <param name="index">Which one it is, from 0.</param>
    /// <param name="totalLength">How long the whole body is, in bytes.</param>
    /// <param name="bytes">The piece.</param>
    internal BodyChunk(int index, int totalLength, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfLessThan(totalLength, bytes.Length);
        Index = index;
        TotalLength = totalLength;
        Bytes = bytes;
    }

    /// <summary>Which one it is, from 0.</summary>
    internal int Index { get; }

    /// <summary>How long the whole body is, in bytes.</summary>
    internal int TotalLength { get; }

    /// <summary>The piece.</summary>
    internal ReadOnlySpan<byte> Bytes { get; }

    /// <inheritdoc/>
    public int GetLength() => checked(1 + Encoded.VarintLength((uint)Index) + Encoded.VarintLength((uint)TotalLength) + Bytes.Length);

    /// <inheritdoc/>
    public void Write(Span<byte> destination)
    {
        ByteWriter writer = new(destination);
        writer.Byte(Version);
        writer.Varint((uint)Index);
        writer.Varint((uint)TotalLength);
        writer.Bytes(Bytes);
        writer.AssertFull();
    }

    /// <summary>Reads a chunk; nothing is copied.</summary>
    /// <param name="record">The body of the record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static BodyChunk Read(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        if (reader.Byte() != Version)
        {
            reader.Fail("a chunk is of an unknown format");
        }

        int index = reader.VarInt32("the index of a chunk");
        int totalLength = reader.VarInt32("the length of a body");
        if (totalLength < reader.Remaining)
        {
            reader.Fail($"a chunk is longer than its body of {totalLength} bytes");
        }

        return new BodyChunk(index, totalLength, reader.Bytes(reader.Remaining));
    }
}
