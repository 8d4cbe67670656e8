using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>The body of <see cref="RecordKind.CheckpointEnd"/>: all records of a checkpoint are before it.</summary>
/// <param name="CheckpointId">The checkpoint.</param>
/// <param name="RecordCount">How many records it has.</param>
/// <param name="ItemCount">How many items are in them.</param>
/// <remarks>Layout: a byte for the format, 1; id, records and items as varints.</remarks>
internal readonly record struct CheckpointEnd(ulong CheckpointId, uint RecordCount, ulong ItemCount) : IRecordBody
{
    private const byte Version = 1;

    /// <inheritdoc/>
    public int GetLength()
        => 1 + Encoded.VarintLength(CheckpointId) + Encoded.VarintLength(RecordCount) + Encoded.VarintLength(ItemCount);

    /// <inheritdoc/>
    public void Write(Span<byte> destination)
    {
        ByteWriter writer = new(destination);
        writer.Byte(Version);
        writer.Varint(CheckpointId);
        writer.Varint(RecordCount);
        writer.Varint(ItemCount);
        writer.AssertFull();
    }

    /// <summary>Reads it.</summary>
    /// <param name="record">The body of the record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static CheckpointEnd Read(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        if (reader.Byte() != Version)
        {
            reader.Fail("the end of a checkpoint is of an unknown format");
        }

        CheckpointEnd end = new(reader.Varint(), reader.VarUInt32("a count of records"), reader.Varint());
        reader.AssertAtEnd();
        return end;
    }
}
