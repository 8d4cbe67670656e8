namespace EmbeddedMq.Storage.Records;

/// <summary>The queues that hold a message, as they are read. Layout: <see cref="MessageCodec"/>.</summary>
/// <param name="bytes">Their bytes, and more behind them.</param>
/// <param name="count">How many they are.</param>
internal readonly ref struct RefList(ReadOnlySpan<byte> bytes, int count)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>How many they are.</summary>
    internal int Count { get; } = count;

    /// <summary>Starts reading.</summary>
    public Enumerator GetEnumerator() => new(_bytes, Count);

    /// <summary>Reads one queue after the other.</summary>
    /// <param name="bytes">Their bytes, and more behind them.</param>
    /// <param name="count">How many they are.</param>
    internal ref struct Enumerator(ReadOnlySpan<byte> bytes, int count)
    {
        private ByteReader _reader = new(bytes);
        private int _left = count;

        /// <summary>How many bytes have been read.</summary>
        internal readonly int Position => _reader.Position;

        public QueueRef Current { get; private set; }

        public bool MoveNext()
        {
            if (_left == 0)
            {
                return false;
            }

            _left--;
            ulong head = _reader.Varint(((ulong)uint.MaxValue << 1) | 1, "a queue's id");
            Current = new QueueRef((uint)(head >> 1), (head & 1) == 0 ? QueueRef.NoTtl : (long)_reader.Varint(long.MaxValue, "a time to live"));
            return true;
        }
    }
}
