using System.Buffers.Binary;

namespace EmbeddedMq.Storage.Records;

/// <summary>Reads a block: any message by its index, or one after the other. Layout: <see cref="QueueBlockFormat"/>.</summary>
/// <remarks>Every step may throw <see cref="RecordFormatException"/>. A message is looked at only when it is asked for.</remarks>
internal readonly ref struct QueueBlockReader
{
    private readonly ReadOnlySpan<byte> _table;
    private readonly ReadOnlySpan<byte> _messages;
    private readonly long _base;

    /// <summary>Reads what comes before the messages.</summary>
    /// <param name="record">The body of the record.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal QueueBlockReader(ReadOnlySpan<byte> record)
    {
        ByteReader reader = new(record);
        if (reader.Byte() != QueueBlockFormat.Version)
        {
            reader.Fail("a block is of an unknown format");
        }

        QueueId = reader.VarUInt32("a queue's id");
        Level = reader.Byte();
        Count = reader.UInt16();
        if (Count is 0 or > QueueBlockFormat.MaxCount)
        {
            reader.Fail($"a block is of {Count} messages");
        }

        _base = reader.Address();
        _table = reader.Bytes(Count * sizeof(uint));
        _messages = reader.Bytes(reader.Remaining);
        if (OffsetOf(0) != 0)
        {
            reader.Fail("the first message of a block is not at its begin");
        }
    }

    /// <summary>The queue's id in the store.</summary>
    internal uint QueueId { get; }

    /// <summary>The priority level in the queue.</summary>
    internal byte Level { get; }

    /// <summary>How many messages it has.</summary>
    internal int Count { get; }

    /// <summary>The message of an index.</summary>
    /// <param name="index">The index, from 0 to less than <see cref="Count"/>.</param>
    /// <exception cref="RecordFormatException">It is none.</exception>
    internal BlockMessageView this[int index] => new(this, BytesOf(index), index, _base);

    /// <summary>Starts reading.</summary>
    public Enumerator GetEnumerator() => new(this);

    /// <summary>The bytes of a message.</summary>
    /// <param name="index">Its index.</param>
    private ReadOnlySpan<byte> BytesOf(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
        uint begin = OffsetOf(index);
        uint end = index + 1 < Count ? OffsetOf(index + 1) : (uint)_messages.Length;
        if (begin > end || end > _messages.Length)
        {
            RecordFormatException.Throw($"the table of a block has message {index} from {begin} to {end}", index, _messages.Length);
        }

        return _messages[(int)begin..(int)end];
    }

    private uint OffsetOf(int index) => BinaryPrimitives.ReadUInt32LittleEndian(_table[(index * sizeof(uint))..]);

    /// <summary>Reads one message after the other.</summary>
    /// <param name="block">The block.</param>
    internal ref struct Enumerator(QueueBlockReader block)
    {
        private readonly QueueBlockReader _block = block;
        private int _index = -1;

        public readonly BlockMessageView Current => _block[_index];

        public bool MoveNext() => ++_index < _block.Count;
    }
}
