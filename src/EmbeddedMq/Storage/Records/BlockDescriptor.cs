namespace EmbeddedMq.Storage.Records;

/// <summary>What is kept in memory of a block of the cold log.</summary>
/// <param name="Address">The address of its record in the cold log.</param>
/// <param name="Length">How long the body of that record is, in bytes; with the pieces of bodies before it, which may be longer than an <see cref="int"/> tells.</param>
/// <param name="Count">How many messages it was made of, 1 to <see cref="QueueBlockFormat.MaxCount"/>.</param>
/// <param name="First">The lowest id of its messages; 0 if none has an id.</param>
/// <param name="Last">The highest id of its messages; 0 if none has an id.</param>
/// <param name="BodyBytes">Bytes of the bodies of all of them, those in chunks included.</param>
/// <remarks>Layout: address, length and count as varints; each id as two varints, address and index; body bytes as varint.</remarks>
internal readonly record struct BlockDescriptor(long Address, long Length, int Count, StoredId First, StoredId Last, long BodyBytes)
{
    /// <summary>Writes it.</summary>
    /// <param name="buffer">The buffer.</param>
    internal void Write(RecordBuffer buffer)
    {
        buffer.Varint((ulong)Address);
        buffer.Varint((ulong)Length);
        buffer.Varint((uint)Count);
        buffer.Id(First);
        buffer.Id(Last);
        buffer.Varint((ulong)BodyBytes);
    }

    /// <summary>Reads one.</summary>
    /// <param name="reader">The reader.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static BlockDescriptor Read(scoped ref ByteReader reader)
    {
        long address = reader.Address();
        long length = (long)reader.Varint((ulong)StoredId.MaxAddress, "the length of a block");
        int count = (int)reader.Varint(QueueBlockFormat.MaxCount, "the count of a block");
        StoredId first = reader.Id();
        StoredId last = reader.Id();
        long bodyBytes = (long)reader.Varint(long.MaxValue, "the bytes of bodies");
        if (count == 0 || first.CompareTo(last) > 0)
        {
            reader.Fail("a block is empty, or its ids do not rise");
        }

        return new BlockDescriptor(address, length, count, first, last, bodyBytes);
    }
}
