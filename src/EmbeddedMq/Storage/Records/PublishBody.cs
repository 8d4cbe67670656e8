using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>The body of a batch of exactly one message: what a publish appends.</summary>
/// <remarks>The hot path: allocates nothing. Also the body of <see cref="RecordKind.Spill"/>. Layout: <see cref="BatchFormat"/>.</remarks>
internal readonly ref struct PublishBody : IRecordBody
{
    private const int BytesBeforeMessageLength = 3; // format, flags, count

    private readonly string _exchange;
    private readonly string _routingKey;
    private readonly MessageProperties _properties;
    private readonly StoredBody _body;
    private readonly ReadOnlySpan<QueueRef> _refs;
    private readonly int _messageLength;
    private readonly byte _priority;

    /// <summary>Makes the body for a message that the record holds whole.</summary>
    /// <param name="exchange">The exchange that it is published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="refs">The queues that hold it.</param>
    /// <param name="priority">Its priority, 0 for none.</param>
    /// <exception cref="ArgumentException">Its headers are nested too deep to be stored.</exception>
    internal PublishBody(string exchange, string routingKey, Message message, ReadOnlySpan<QueueRef> refs, byte priority = 0)
        : this(exchange, routingKey, message.Properties, StoredBody.Inline(message.Body), refs, priority)
    {
    }

    /// <summary>Makes the body.</summary>
    /// <param name="exchange">The exchange that it is published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="properties">The message's properties.</param>
    /// <param name="body">The message's body.</param>
    /// <param name="refs">The queues that hold it.</param>
    /// <param name="priority">Its priority, 0 for none.</param>
    /// <exception cref="ArgumentException">Its headers are nested too deep to be stored.</exception>
    internal PublishBody(
        string exchange, string routingKey, MessageProperties properties, StoredBody body, ReadOnlySpan<QueueRef> refs, byte priority = 0)
    {
        _exchange = exchange;
        _routingKey = routingKey;
        _properties = properties;
        _body = body;
        _refs = refs;
        _priority = priority;
        _messageLength = MessageCodec.GetLength(exchange, routingKey, properties, body, priority, refs);
    }

    /// <inheritdoc/>
    public int GetLength() => checked(BytesBeforeMessageLength + Encoded.BlobLength(_messageLength));

    /// <inheritdoc/>
    public void Write(Span<byte> destination)
    {
        ByteWriter writer = new(destination);
        writer.Byte(BatchFormat.Version);
        writer.Byte(BatchFormat.HasMessages);
        writer.Byte(1);
        writer.Varint((uint)_messageLength);
        MessageCodec.Write(ref writer, _exchange, _routingKey, _properties, _body, _priority, _refs);
        writer.AssertFull();
    }
}
