using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>The body of <see cref="RecordKind.TransactionEnd"/>: all batches of a transaction are in the log before it, and hold.</summary>
/// <param name="TransactionId">The transaction, not 0.</param>
/// <remarks>Layout: a byte for the format, 1; the id as varint.</remarks>
internal readonly record struct TransactionEnd(ulong TransactionId) : IRecordBody
{
    private const byte Version = 1;

    /// <inheritdoc/>
    public int GetLength() => 1 + Encoded.VarintLength(TransactionId);

    /// <inheritdoc/>
    public void Write(Span<byte> destination)
    {
        ByteWriter writer = new(destination);
        writer.Byte(Version);
        writer.Varint(TransactionId);
        writer.AssertFull();
    }

    /// <summary>Reads it.</summary>
    /// <param name="record">The body of the record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static TransactionEnd Read(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        if (reader.Byte() != Version)
        {
            reader.Fail("the end of a transaction is of an unknown format");
        }

        TransactionEnd end = new(reader.Varint());
        if (end.TransactionId == 0)
        {
            reader.Fail("a transaction has no id");
        }

        reader.AssertAtEnd();
        return end;
    }
}
