using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>Builds the body of <see cref="RecordKind.QueueBlock"/>. Layout: <see cref="QueueBlockFormat"/>.</summary>
/// <remarks>Not thread-safe. May be used again for the next block, whose buffers it then already has.</remarks>
internal sealed class QueueBlockBuilder : IRecordBody
{
    private readonly RecordBuffer _messages = new();
    private readonly BlockTexts _exchanges = new();
    private readonly BlockTexts _routingKeys = new();
    private readonly uint[] _offsets = new uint[QueueBlockFormat.MaxCount];
    private uint _queueId;
    private byte _level;
    private long _base;
    private StoredId _first;
    private StoredId _last;
    private long _bodyBytes;

    /// <summary>Starts a block.</summary>
    /// <param name="queueId">The queue's id in the store.</param>
    /// <param name="level">The priority level in the queue.</param>
    internal QueueBlockBuilder(uint queueId, byte level) => Restart(queueId, level);

    /// <summary>How many messages it has.</summary>
    internal int Count { get; private set; }

    /// <summary>Whether it has as many messages as it may. How long it gets is the caller's concern.</summary>
    internal bool IsFull => Count == QueueBlockFormat.MaxCount;

    /// <summary>Starts another block; what was added is forgotten.</summary>
    /// <param name="queueId">The queue's id in the store.</param>
    /// <param name="level">The priority level in the queue.</param>
    internal void Restart(uint queueId, byte level)
    {
        _queueId = queueId;
        _level = level;
        _base = 0;
        _first = default;
        _last = default;
        _bodyBytes = 0;
        Count = 0;
        _messages.Truncate(0);
        _exchanges.Clear();
        _routingKeys.Clear();
    }

    /// <summary>Adds a message behind the others.</summary>
    /// <param name="entry">What the queue knows of it.</param>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key of that publish.</param>
    /// <param name="properties">Its properties.</param>
    /// <param name="body">Its body.</param>
    /// <exception cref="ArgumentException">Its headers are nested too deep to be stored; nothing is added.</exception>
    internal void Add(in BlockEntry entry, string exchange, string routingKey, MessageProperties properties, in StoredBody body)
    {
        int propertyBytes = PropertiesCodec.GetLength(properties);
        Begin(entry, body);
        _exchanges.Write(_messages, Count, exchange);
        _routingKeys.Write(_messages, Count, routingKey);
        ByteWriter writer = _messages.Writer(propertyBytes);
        PropertiesCodec.Write(ref writer, properties);
        _messages.Bytes(body.Bytes.Span);
        End(entry, body.Length);
    }

    /// <summary>Adds a message as a batch holds it, without making objects of it.</summary>
    /// <param name="entry">What the queue knows of it.</param>
    /// <param name="message">The message.</param>
    /// <exception cref="RecordFormatException">The message cannot be read; nothing is added.</exception>
    internal void Add(in BlockEntry entry, in MessageView message)
    {
        ContentView content = message.Content;
        content.Cut(out ReadOnlySpan<byte> exchange, out ReadOnlySpan<byte> routingKey, out ReadOnlySpan<byte> properties);
        Begin(entry, message.IsChunked ? StoredBody.Chunked(message.BodyLength, message.Chunks.ToArray()) : StoredBody.InlineOf(message.BodyLength));
        _exchanges.Write(_messages, Count, exchange);
        _routingKeys.Write(_messages, Count, routingKey);
        _messages.Bytes(properties);
        _messages.Bytes(content.Body());
        End(entry, message.BodyLength);
    }

    /// <summary>What is kept of the block, once it has been appended.</summary>
    /// <param name="address">The address in the cold log that it was given.</param>
    internal BlockDescriptor Describe(long address) => new(address, GetLength(), Count, _first, _last, _bodyBytes);

    /// <inheritdoc/>
    public int GetLength() => checked(HeadLength() + (Count * sizeof(uint)) + _messages.Length);

    /// <inheritdoc/>
    public void Write(Span<byte> destination)
    {
        if (Count == 0)
        {
            throw new InvalidOperationException("A block without messages is to be written. This is a defect of the broker.");
        }

        ByteWriter writer = new(destination);
        writer.Byte(QueueBlockFormat.Version);
        writer.Varint(_queueId);
        writer.Byte(_level);
        writer.UInt16((ushort)Count);
        writer.Varint((ulong)_base);
        foreach (uint offset in _offsets.AsSpan(0, Count))
        {
            writer.UInt32(offset);
        }

        writer.Bytes(_messages.Span);
        writer.AssertFull();
    }

    private int HeadLength() => 1 + Encoded.VarintLength(_queueId) + 1 + sizeof(ushort) + Encoded.VarintLength((ulong)_base);

    private void Begin(in BlockEntry entry, in StoredBody body)
    {
        if (IsFull)
        {
            throw new InvalidOperationException($"A block has {Count} messages and is to take another. This is a defect of the broker.");
        }

        if (Count == 0)
        {
            _base = entry.Id.Address;
        }

        _offsets[Count] = (uint)_messages.Length;
        bool expires = entry.ExpiresUtcMs != BlockEntry.NoExpiry;
        _messages.Byte((byte)((entry.Redelivered ? QueueBlockFormat.Redelivered : 0) | (entry.IsTransient ? QueueBlockFormat.Transient : 0)
            | (expires ? QueueBlockFormat.Expires : 0) | (body.IsChunked ? QueueBlockFormat.IsChunked : 0)
            | (entry.FailedDeliveries == 0 ? 0 : QueueBlockFormat.HasFailed)));
        _messages.Varint(Encoded.ZigZag(entry.Id.Address - _base));
        _messages.Varint((uint)entry.Id.Index);
        if (entry.FailedDeliveries != 0)
        {
            _messages.Varint((uint)entry.FailedDeliveries);
        }

        if (expires)
        {
            _messages.Varint(Encoded.ZigZag(entry.ExpiresUtcMs));
        }

        _messages.Varint((uint)body.Length);
        ByteWriter writer = _messages.Writer(MessageCodec.LengthOfChunks(body));
        MessageCodec.WriteChunks(ref writer, body);
    }

    private void End(in BlockEntry entry, int bodyLength)
    {
        Count++;
        _bodyBytes += bodyLength;
        if (entry.Id.Value == 0)
        {
            return;
        }

        _first = _first.Value == 0 || entry.Id.CompareTo(_first) < 0 ? entry.Id : _first;
        _last = entry.Id.CompareTo(_last) > 0 ? entry.Id : _last;
    }
}
