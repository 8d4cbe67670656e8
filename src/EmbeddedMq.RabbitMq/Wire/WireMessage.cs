using RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Wire;

/// <summary>Messages on their way to and from RabbitMQ.Client.</summary>
/// <remarks>Thread-safe.</remarks>
internal static class WireMessage
{
    private const string DeliveryCountHeader = "x-delivery-count";

    /// <summary>The properties of a message that is published.</summary>
    /// <param name="properties">The properties.</param>
    internal static BasicProperties ToWire(MessageProperties properties)
    {
        BasicProperties wire = new()
        {
            ContentType = properties.ContentType,
            ContentEncoding = properties.ContentEncoding,
            CorrelationId = properties.CorrelationId,
            ReplyTo = properties.ReplyTo,
            Expiration = properties.Expiration,
            MessageId = properties.MessageId,
            Type = properties.Type,
            UserId = properties.UserId,
            AppId = properties.AppId,
            ClusterId = properties.ClusterId,
        };
        if (WireTable.ToWire(properties.Headers) is { } headers)
        {
            wire.Headers = headers;
        }

        if (properties.DeliveryMode is { } deliveryMode)
        {
            wire.DeliveryMode = deliveryMode == DeliveryMode.Persistent ? DeliveryModes.Persistent : DeliveryModes.Transient;
        }

        if (properties.Priority is { } priority)
        {
            wire.Priority = priority;
        }

        if (properties.Timestamp is { } timestamp)
        {
            wire.Timestamp = new AmqpTimestamp(timestamp.ToUnixTimeSeconds());
        }

        return wire;
    }

    /// <summary>A message that came in. Its body is copied: the client's buffer is used again.</summary>
    /// <param name="wire">Its properties.</param>
    /// <param name="body">Its body.</param>
    internal static Message FromWire(IReadOnlyBasicProperties wire, ReadOnlyMemory<byte> body)
        => Message.TakeOwnership(body.ToArray(), FromWire(wire));

    /// <summary>How often a message was delivered in vain before: what the header <c>x-delivery-count</c> of quorum queues says, 0 for one
    /// that was never delivered, -1 where the server does not tell.</summary>
    /// <param name="message">The message.</param>
    /// <param name="redelivered">Whether it was delivered before.</param>
    internal static int DeliveryCountOf(Message message, bool redelivered)
        => HeaderTable.TryGetInteger(message.Headers.GetValueOrDefault(DeliveryCountHeader), out long count)
            ? (int)Math.Min(count, int.MaxValue)
            : redelivered ? -1 : 0;

    private static MessageProperties FromWire(IReadOnlyBasicProperties wire) => new()
    {
        ContentType = wire.IsContentTypePresent() ? wire.ContentType : null,
        ContentEncoding = wire.IsContentEncodingPresent() ? wire.ContentEncoding : null,
        Headers = wire.IsHeadersPresent() ? WireTable.FromWire(wire.Headers) : null,
        DeliveryMode = wire.IsDeliveryModePresent() ? (DeliveryMode)wire.DeliveryMode : null,
        Priority = wire.IsPriorityPresent() ? wire.Priority : null,
        CorrelationId = wire.IsCorrelationIdPresent() ? wire.CorrelationId : null,
        ReplyTo = wire.IsReplyToPresent() ? wire.ReplyTo : null,
        Expiration = wire.IsExpirationPresent() ? wire.Expiration : null,
        MessageId = wire.IsMessageIdPresent() ? wire.MessageId : null,
        Timestamp = wire.IsTimestampPresent() ? WireTable.TimeFromWire(wire.Timestamp) : null,
        Type = wire.IsTypePresent() ? wire.Type : null,
        UserId = wire.IsUserIdPresent() ? wire.UserId : null,
        AppId = wire.IsAppIdPresent() ? wire.AppId : null,
        ClusterId = wire.IsClusterIdPresent() ? wire.ClusterId : null,
    };
}
