namespace EmbeddedMq.Storage.Records;

/// <summary>The messages of a batch, each behind the varint of its length.</summary>
/// <param name="record">The body of the record.</param>
/// <param name="offset">Where the first begins.</param>
/// <param name="count">How many they are.</param>
internal readonly ref struct MessageList(ReadOnlySpan<byte> record, int offset, int count)
{
    private readonly ReadOnlySpan<byte> _record = record;

    /// <summary>How many they are.</summary>
    internal int Count { get; } = count;

    /// <summary>The message of an index, as in <see cref="StoredId.Index"/>; passes over those before it.</summary>
    /// <param name="index">The index.</param>
    /// <exception cref="RecordFormatException">The record has no such message.</exception>
    internal MessageView this[int index]
    {
        get
        {
            foreach (MessageView message in this)
            {
                if (message.Index == index)
                {
                    return message;
                }
            }

            RecordFormatException.Throw($"there is no message {index} of {Count}", _record.Length, _record.Length);
            return default;
        }
    }

    /// <summary>Starts reading.</summary>
    public Enumerator GetEnumerator() => new(_record, offset, Count);

    /// <summary>Reads one message after the other.</summary>
    /// <param name="record">The body of the record.</param>
    /// <param name="offset">Where the first begins.</param>
    /// <param name="count">How many they are.</param>
    internal ref struct Enumerator(ReadOnlySpan<byte> record, int offset, int count)
    {
        private readonly ReadOnlySpan<byte> _record = record;
        private int _next;
        private int _offset = offset;

        public MessageView Current { get; private set; }

        public bool MoveNext()
        {
            ByteReader reader = new(_record[_offset..]);
            if (_next == count)
            {
                reader.AssertAtEnd();
                return false;
            }

            ReadOnlySpan<byte> message = reader.Blob();
            _offset += reader.Position;
            Current = new MessageView(message, _next++, _offset - message.Length);
            return true;
        }
    }
}
