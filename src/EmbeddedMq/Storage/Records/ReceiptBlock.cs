using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>The body of <see cref="RecordKind.ReceiptBlock"/>: receipts that were moved together into the cold log, the oldest first.</summary>
/// <remarks>
/// <code>
/// format    byte: 1
/// count     varint: 1 to 4,096
/// receipts  to the end, see <see cref="Receipt"/>
/// </code>
/// </remarks>
internal readonly ref struct ReceiptBlock : IRecordBody
{
    /// <summary>How many receipts a block holds at most: 172 KB.</summary>
    internal const int MaxCount = 4_096;

    private const byte Version = 1;

    private readonly ReadOnlySpan<Receipt> _receipts;
    private readonly int _length;

    /// <summary>Makes the body.</summary>
    /// <param name="receipts">The receipts, 1 to <see cref="MaxCount"/>; they must stay as they are until it is written.</param>
    internal ReceiptBlock(ReadOnlySpan<Receipt> receipts)
    {
        ArgumentOutOfRangeException.ThrowIfZero(receipts.Length, nameof(receipts));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(receipts.Length, MaxCount, nameof(receipts));
        _receipts = receipts;
        _length = 1 + Encoded.VarintLength((uint)receipts.Length);
        foreach (ref readonly Receipt receipt in receipts)
        {
            _length += receipt.GetLength();
        }
    }

    /// <inheritdoc/>
    public int GetLength() => _length;

    /// <inheritdoc/>
    public void Write(Span<byte> destination)
    {
        ByteWriter writer = new(destination);
        writer.Byte(Version);
        writer.Varint((uint)_receipts.Length);
        foreach (ref readonly Receipt receipt in _receipts)
        {
            receipt.Write(ref writer);
        }

        writer.AssertFull();
    }

    /// <summary>Reads a block.</summary>
    /// <param name="record">The body of the record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static Receipt[] Read(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        if (reader.Byte() != Version)
        {
            reader.Fail("a block of receipts is of an unknown format");
        }

        int count = (int)reader.Varint(MaxCount, "a count of receipts");
        if (count == 0 || count > reader.Remaining)
        {
            reader.Fail($"a block is of {count} receipts");
        }

        Receipt[] receipts = new Receipt[count];
        foreach (ref Receipt receipt in receipts.AsSpan())
        {
            receipt = Receipt.Read(ref reader);
        }

        reader.AssertAtEnd();
        return receipts;
    }
}
