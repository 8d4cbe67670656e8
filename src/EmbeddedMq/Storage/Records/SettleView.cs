namespace EmbeddedMq.Storage.Records;

/// <summary>A group of settles as it is read. Layout: <see cref="Settle"/>.</summary>
internal readonly ref struct SettleView
{
    private readonly ulong _key;
    private readonly ReadOnlySpan<byte> _elements;

    private SettleView(SettleKind kind, ulong key, ReadOnlySpan<byte> elements)
    {
        Kind = kind;
        _key = key;
        _elements = elements;
    }

    /// <summary>What is named.</summary>
    internal SettleKind Kind { get; }

    /// <summary>The queue, for <see cref="SettleKind.Entries"/>.</summary>
    internal uint QueueId => (uint)_key;

    /// <summary>The address of the block, unless they are <see cref="SettleKind.Entries"/>.</summary>
    internal long BlockAddress => (long)_key;

    /// <summary>The ids, for <see cref="SettleKind.Entries"/>; otherwise none. They rise.</summary>
    internal IdEnumerator Ids => new(Kind == SettleKind.Entries ? _elements : default);

    /// <summary>The indexes within the block, for <see cref="SettleKind.BlockEntries"/>; otherwise none. They rise.</summary>
    internal IndexEnumerator Indexes => new(Kind == SettleKind.BlockEntries ? _elements : default);

    /// <summary>Reads a group.</summary>
    /// <param name="reader">The reader.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal static SettleView Read(scoped ref ByteReader reader)
    {
        SettleKind kind = (SettleKind)reader.Byte();
        if (kind > SettleKind.WholeBlock)
        {
            reader.Fail($"no settles are of kind {(byte)kind}");
        }

        ulong key = kind == SettleKind.Entries ? reader.VarUInt32("a queue's id") : (ulong)reader.Address();
        if (kind == SettleKind.WholeBlock)
        {
            return new SettleView(kind, key, default);
        }

        ReadOnlySpan<byte> elements = reader.Blob();
        if (elements.IsEmpty)
        {
            reader.Fail("a group of settles is empty");
        }

        return new SettleView(kind, key, elements);
    }

    /// <summary>Reads one id after the other.</summary>
    /// <param name="elements">Their bytes.</param>
    internal ref struct IdEnumerator(ReadOnlySpan<byte> elements)
    {
        private ByteReader _reader = new(elements);

        public StoredId Current { get; private set; }

        public readonly IdEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_reader.IsAtEnd)
            {
                return false;
            }

            ulong step = _reader.Varint();
            long address = Current.Address + (long)(step >> 1);
            bool isNew = step > 1;
            int index = isNew ? 0 : Current.Index;
            if ((step & 1) != 0)
            {
                int more = (int)_reader.Varint(StoredId.MaxMessages - 1, "an index");
                index += more == 0 ? StoredId.MaxMessages : more; // 0 is left out when written: make it too high
            }

            if (step == 0 || address > StoredId.MaxAddress || index >= StoredId.MaxMessages)
            {
                _reader.Fail("ids do not rise, or are too high");
            }

            Current = new StoredId(address, index);
            return true;
        }
    }

    /// <summary>Reads one index after the other.</summary>
    /// <param name="elements">Their bytes.</param>
    internal ref struct IndexEnumerator(ReadOnlySpan<byte> elements)
    {
        private ByteReader _reader = new(elements);
        private bool _isBehindFirst;

        public int Current { get; private set; }

        public readonly IndexEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_reader.IsAtEnd)
            {
                return false;
            }

            int step = (int)_reader.Varint(ushort.MaxValue, "an index");
            if ((step == 0 && _isBehindFirst) || Current + step > ushort.MaxValue)
            {
                _reader.Fail("indexes do not rise, or are too high");
            }

            Current += step;
            _isBehindFirst = true;
            return true;
        }
    }
}
