namespace EmbeddedMq;

/// <summary>A queue as it is declared. Immutable: each method returns a changed copy.</summary>
/// <param name="Name">Its name: up to 255 bytes of UTF-8, not beginning with <c>amq.</c>; empty means that the broker makes one.</param>
public sealed record QueueDeclaration(string Name = "")
{
    /// <summary>Whether it survives a restart of a broker that stores. Default <see langword="false"/>.</summary>
    public bool IsDurable { get; init; }

    /// <summary>Whether only the declaring connection may use it, and it goes with that connection. Default <see langword="false"/>.</summary>
    public bool IsExclusive { get; init; }

    /// <summary>Whether it goes when its last consumer has gone. Default <see langword="false"/>.</summary>
    public bool IsAutoDelete { get; init; }

    /// <summary>Arguments, see <see cref="QueueArgument"/>. Unknown ones are kept and shown, without effect.</summary>
    public HeaderTable Arguments { get; init; } = HeaderTable.Empty;

    /// <summary>Survives a restart of a broker that stores.</summary>
    public QueueDeclaration Durable() => this with { IsDurable = true };

    /// <summary>Belongs to the declaring connection and goes with it.</summary>
    public QueueDeclaration Exclusive() => this with { IsExclusive = true };

    /// <summary>Goes when its last consumer has gone; not before it had one.</summary>
    public QueueDeclaration AutoDelete() => this with { IsAutoDelete = true };

    /// <summary>Messages expire when they have waited so long; they are dead-lettered as <c>expired</c>.</summary>
    /// <param name="timeToLive">Zero or more; whole milliseconds count. Zero: delivered at once or not at all.</param>
    public QueueDeclaration WithMessageTtl(TimeSpan timeToLive) => WithArgument(QueueArgument.MessageTtl, (long)timeToLive.TotalMilliseconds);

    /// <summary>The queue is deleted when nobody has used it for so long.</summary>
    /// <param name="idle">More than zero; whole milliseconds count.</param>
    public QueueDeclaration ExpiresAfter(TimeSpan idle) => WithArgument(QueueArgument.Expires, (long)idle.TotalMilliseconds);

    /// <summary>Limits the ready messages.</summary>
    /// <param name="messages">Zero or more.</param>
    /// <param name="overflow">What happens beyond.</param>
    public QueueDeclaration MaxLength(long messages, Overflow overflow = Overflow.DropHead)
        => WithArgument(QueueArgument.MaxLength, messages).WithOverflow(overflow);

    /// <summary>Limits the bytes of the ready bodies.</summary>
    /// <param name="bytes">Zero or more.</param>
    /// <param name="overflow">What happens beyond.</param>
    public QueueDeclaration MaxLengthBytes(long bytes, Overflow overflow = Overflow.DropHead)
        => WithArgument(QueueArgument.MaxLengthBytes, bytes).WithOverflow(overflow);

    /// <summary>Sends dead messages to a queue through the default exchange.</summary>
    /// <param name="queue">That queue.</param>
    public QueueDeclaration DeadLetterTo(string queue) => DeadLetterTo("", queue);

    /// <summary>Sends dead messages to an exchange.</summary>
    /// <param name="exchange">That exchange; it need not exist yet.</param>
    /// <param name="routingKey">Their new routing key; <see langword="null"/>: they keep their own.</param>
    public QueueDeclaration DeadLetterTo(string exchange, string? routingKey)
    {
        QueueDeclaration declaration = WithArgument(QueueArgument.DeadLetterExchange, exchange);
        return routingKey is null ? declaration : declaration.WithArgument(QueueArgument.DeadLetterRoutingKey, routingKey);
    }

    /// <summary>Gives the queue priorities.</summary>
    /// <param name="highest">1 to 255; a message of a higher priority counts as this one.</param>
    public QueueDeclaration WithMaxPriority(byte highest) => WithArgument(QueueArgument.MaxPriority, (int)highest);

    /// <summary>One consumer at a time receives; when it goes, the next in order takes over.</summary>
    public QueueDeclaration SingleActiveConsumer() => WithArgument(QueueArgument.SingleActiveConsumer, true);

    /// <summary>A message may fail so many deliveries; at the next it is dead-lettered as <c>delivery_limit</c>, or dropped.</summary>
    /// <param name="failedDeliveries">Zero or more.</param>
    public QueueDeclaration WithDeliveryLimit(int failedDeliveries) => WithArgument(QueueArgument.DeliveryLimit, failedDeliveries);

    /// <summary>Sets one argument.</summary>
    /// <param name="name">Its name, see <see cref="QueueArgument"/>.</param>
    /// <param name="value">Its value.</param>
    public QueueDeclaration WithArgument(string name, object? value) => this with { Arguments = Arguments.With(name, value) };

    private QueueDeclaration WithOverflow(Overflow overflow) => overflow == Overflow.DropHead
        ? this
        : WithArgument(QueueArgument.Overflow, overflow.ToArgument());
}
