namespace EmbeddedMq.Storage.Records;

/// <summary>Reads a batch, lazily: <see cref="RecordKind.Batch"/> and <see cref="RecordKind.Spill"/>. Layout: <see cref="BatchFormat"/>.</summary>
/// <remarks>Enumerating may throw <see cref="RecordFormatException"/> at any step; each list may be enumerated again.</remarks>
internal readonly ref struct BatchReader
{
    /// <summary>Reads what comes before the lists.</summary>
    /// <param name="record">The body of the record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal BatchReader(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        byte version = reader.Byte();
        if (version is not (BatchFormat.Version or BatchFormat.VersionWithReceipts))
        {
            reader.Fail("a batch is of an unknown format");
        }

        byte flags = reader.Byte();
        bool hasReceipts = version == BatchFormat.VersionWithReceipts;
        if ((flags & ~BatchFormat.AllFlags) != (hasReceipts ? BatchFormat.HasReceipts : 0))
        {
            reader.Fail("a batch has unknown flags, or not those of its format");
        }

        if ((flags & BatchFormat.IsPart) != 0)
        {
            TransactionId = reader.Varint();
            if (TransactionId == 0)
            {
                reader.Fail("a transaction has no id");
            }
        }

        Settles = new SettleList(Section(ref reader, flags & BatchFormat.HasSettles));
        Marks = new MarkList(Section(ref reader, flags & BatchFormat.HasMarks));
        Receipts = new ReceiptList(Section(ref reader, flags & BatchFormat.HasReceipts));
        if ((flags & BatchFormat.HasMessages) != 0)
        {
            int count = reader.Count("messages");
            if (count is 0 or > StoredId.MaxMessages)
            {
                reader.Fail($"a batch is of {count} messages");
            }

            Messages = new MessageList(record, reader.Position, count);
        }
        else
        {
            reader.AssertAtEnd();
        }
    }

    /// <summary>The transaction that it is a part of, of no effect until its end record; 0: it is whole by itself.</summary>
    internal ulong TransactionId { get; }

    /// <summary>What queues no longer hold.</summary>
    internal SettleList Settles { get; }

    /// <summary>What is new about messages that stay.</summary>
    internal MarkList Marks { get; }

    /// <summary>What was dealt with.</summary>
    internal ReceiptList Receipts { get; }

    /// <summary>What queues hold from now on.</summary>
    internal MessageList Messages { get; }

    private static ReadOnlySpan<byte> Section(scoped ref ByteReader reader, int flag)
    {
        if (flag == 0)
        {
            return default;
        }

        ReadOnlySpan<byte> section = reader.Blob();
        if (section.IsEmpty)
        {
            reader.Fail("a list is empty");
        }

        return section;
    }
}
