namespace EmbeddedMq;

/// <summary>One hand-over of one message to one consumer. Immutable.</summary>
/// <remarks>Settle it on the channel it came from, by its <see cref="DeliveryTag"/>.</remarks>
public readonly struct Delivery : IEquatable<Delivery>
{
    /// <summary>Makes a delivery; brokers do, and tests of handlers.</summary>
    /// <param name="message">The message.</param>
    /// <param name="exchange">The exchange that it was published to; after dead-lettering the dead-letter exchange.</param>
    /// <param name="routingKey">The routing key of that publish.</param>
    /// <param name="deliveryTag">The tag to settle it by.</param>
    /// <param name="consumerTag">The consumer, or <see langword="null"/> for a message taken with get.</param>
    /// <param name="redelivered">Whether it was delivered before.</param>
    /// <param name="deliveryCount">How many deliveries of it failed before, or -1 where the broker does not tell.</param>
    public Delivery(Message message, string exchange, string routingKey, ulong deliveryTag, string? consumerTag = null, bool redelivered = false, int deliveryCount = 0)
    {
        Message = message;
        Exchange = exchange;
        RoutingKey = routingKey;
        DeliveryTag = deliveryTag;
        ConsumerTag = consumerTag;
        Redelivered = redelivered;
        DeliveryCount = deliveryCount;
    }

    /// <summary>The message.</summary>
    public Message Message { get; }

    /// <summary>The exchange that it was published to; empty for the default one.</summary>
    public string Exchange { get; }

    /// <summary>The routing key that it was published with.</summary>
    public string RoutingKey { get; }

    /// <summary>The tag to settle it by: 1, 2, 3 … per channel, over all of its consumers and gets.</summary>
    public ulong DeliveryTag { get; }

    /// <summary>The consumer's tag, or <see langword="null"/> for a message taken with get.</summary>
    public string? ConsumerTag { get; }

    /// <summary>Whether it was delivered before, to this or another consumer.</summary>
    public bool Redelivered { get; }

    /// <summary>How many deliveries of it failed before; -1 where the broker does not tell.</summary>
    public int DeliveryCount { get; }

    /// <summary>The message's properties.</summary>
    public MessageProperties Properties => Message.Properties;

    /// <summary>The message's body.</summary>
    public ReadOnlyMemory<byte> Body => Message.Body;

    /// <summary>The message's history of dead-lettering, the newest first, read from its <c>x-death</c> header; empty when it has none.</summary>
    public IReadOnlyList<Death> Deaths => Death.ReadFrom(Message.Headers);

    /// <summary>Whether two deliveries are the same hand-over: the same message under the same tag.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(Delivery left, Delivery right) => left.Equals(right);

    /// <summary>Whether two deliveries differ.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(Delivery left, Delivery right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(Delivery other) => DeliveryTag == other.DeliveryTag && ReferenceEquals(Message, other.Message);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Delivery other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(DeliveryTag, Message);
}
