namespace EmbeddedMq;

/// <summary>What differs for one message from its type's route. Immutable; what is <see langword="null"/> is as the route says.</summary>
public sealed record PublishOptions
{
    /// <summary>The exchange; empty means the default one.</summary>
    public string? Exchange { get; init; }

    /// <summary>The routing key, at most 255 bytes of UTF-8. Where only the exchange is given here, the route's key still counts.</summary>
    public string? RoutingKey { get; init; }

    /// <summary>The application's id of the message. Default: a new one.</summary>
    public string? MessageId { get; init; }

    /// <summary>Joins messages that belong together. Not for requests, whose correlation id is the publisher's.</summary>
    public string? CorrelationId { get; init; }

    /// <summary>Where a reply is to go: a queue's name. Not for requests.</summary>
    public string? ReplyTo { get; init; }

    /// <summary>Headers beside those that the route sets; one of the same name wins over the route's.</summary>
    /// <remarks>Those of a consumed message may be passed on: what is noted there of its own attempts and origin
    /// (<see cref="MessageHeaders.FailedAttempts"/>, <see cref="MessageHeaders.OriginalExchange"/>, <see cref="MessageHeaders.OriginalRoutingKey"/>) is left out.</remarks>
    public HeaderTable? Headers { get; init; }

    /// <summary>Priority in a queue with priorities, 0 to 255, the higher the sooner.</summary>
    public byte? Priority { get; init; }

    /// <summary>How long it may wait in a queue. Zero or more; whole milliseconds count.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Whether it is stored in durable queues. Default: as the route says, which is yes unless changed.</summary>
    public bool? Persistent { get; init; }

    /// <summary>Whether it comes back when no queue takes it. Default: as the route says; a message to a queue by name is mandatory, one to an exchange is not.</summary>
    public bool? Mandatory { get; init; }

    /// <summary>The application's name for the kind of message. Default: the full name of its type, without assemblies.</summary>
    public string? Type { get; init; }

    /// <summary>To a queue by its name, through the default exchange; mandatory.</summary>
    /// <param name="queue">The queue.</param>
    public static PublishOptions ToQueue(string queue) => new() { Exchange = "", RoutingKey = queue, Mandatory = true };

    /// <summary>To an exchange.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    public static PublishOptions To(string exchange, string routingKey = "") => new() { Exchange = exchange, RoutingKey = routingKey };
}
