namespace EmbeddedMq.Storage.Records;

/// <summary>The groups of settles of a batch.</summary>
/// <param name="section">Their bytes.</param>
internal readonly ref struct SettleList(ReadOnlySpan<byte> section)
{
    private readonly ReadOnlySpan<byte> _section = section;

    /// <summary>Whether there is none.</summary>
    internal bool IsEmpty => _section.IsEmpty;

    /// <summary>Starts reading.</summary>
    public Enumerator GetEnumerator() => new(_section);

    /// <summary>Reads one group after the other.</summary>
    /// <param name="section">Their bytes.</param>
    internal ref struct Enumerator(ReadOnlySpan<byte> section)
    {
        private ByteReader _reader = new(section);

        public SettleView Current { get; private set; }

        public bool MoveNext()
        {
            if (_reader.IsAtEnd)
            {
                return false;
            }

            Current = SettleView.Read(ref _reader);
            return true;
        }
    }
}
