namespace EmbeddedMq.Storage.Records;

/// <summary>The addresses of a body's chunks, as they are read: in order, each a varint.</summary>
/// <param name="bytes">Their bytes, and more behind them.</param>
/// <param name="count">How many they are.</param>
internal readonly ref struct ChunkList(ReadOnlySpan<byte> bytes, int count)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>How many they are; 0: the body is within the record.</summary>
    internal int Count { get; } = count;

    /// <summary>Starts reading.</summary>
    public Enumerator GetEnumerator() => new(_bytes, Count);

    /// <summary>All of them.</summary>
    internal long[] ToArray()
    {
        // The count is at most the number of bytes that are there.
        long[] addresses = new long[Count];
        int next = 0;
        foreach (long address in this)
        {
            addresses[next++] = address;
        }

        return addresses;
    }

    /// <summary>Reads one address after the other.</summary>
    /// <param name="bytes">Their bytes, and more behind them.</param>
    /// <param name="count">How many they are.</param>
    internal ref struct Enumerator(ReadOnlySpan<byte> bytes, int count)
    {
        private ByteReader _reader = new(bytes);
        private int _left = count;

        public long Current { get; private set; }

        public bool MoveNext()
        {
            if (_left == 0)
            {
                return false;
            }

            _left--;
            Current = _reader.Address();
            return true;
        }
    }
}
