namespace EmbeddedMq.Storage.Records;

/// <summary>The receipts of a batch or of a block.</summary>
/// <param name="section">Their bytes.</param>
internal readonly ref struct ReceiptList(ReadOnlySpan<byte> section)
{
    private readonly ReadOnlySpan<byte> _section = section;

    /// <summary>Whether there is none.</summary>
    internal bool IsEmpty => _section.IsEmpty;

    /// <summary>Starts reading.</summary>
    public Enumerator GetEnumerator() => new(_section);

    /// <summary>Reads one receipt after the other.</summary>
    /// <param name="section">Their bytes.</param>
    internal ref struct Enumerator(ReadOnlySpan<byte> section)
    {
        private ByteReader _reader = new(section);

        public Receipt Current { get; private set; }

        public bool MoveNext()
        {
            if (_reader.IsAtEnd)
            {
                return false;
            }

            Current = Receipt.Read(ref _reader);
            return true;
        }
    }
}
