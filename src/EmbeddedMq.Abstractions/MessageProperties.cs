using System.Globalization;

namespace EmbeddedMq;

/// <summary>The basic properties of AMQP 0-9-1. Immutable; what is <see langword="null"/> is not set and not sent.</summary>
/// <remarks>Source: AMQP 0-9-1 §1.8.1. Texts are at most 255 bytes of UTF-8.</remarks>
public sealed record MessageProperties
{
    /// <summary>No property set.</summary>
    public static MessageProperties Empty { get; } = new();

    /// <summary>Delivery mode persistent, nothing else.</summary>
    public static MessageProperties Persistent { get; } = new() { DeliveryMode = EmbeddedMq.DeliveryMode.Persistent };

    internal static MessageProperties PlainText { get; } = new() { ContentType = "text/plain", ContentEncoding = "utf-8" };

    /// <summary>MIME type of the body, for example <c>application/json</c>.</summary>
    public string? ContentType { get; init; }

    /// <summary>MIME encoding of the body, for example <c>gzip</c> or <c>utf-8</c>.</summary>
    public string? ContentEncoding { get; init; }

    /// <summary>Application headers, and those that a broker adds, for example <c>x-death</c>.</summary>
    public HeaderTable? Headers { get; init; }

    /// <summary>Whether the message is stored in durable queues. Not set counts as transient.</summary>
    public DeliveryMode? DeliveryMode { get; init; }

    /// <summary>Priority in a queue with priorities, 0 to 255, the higher the sooner. Not set counts as 0.</summary>
    public byte? Priority { get; init; }

    /// <summary>Joins a reply to its request.</summary>
    public string? CorrelationId { get; init; }

    /// <summary>Where a reply is to go: a queue's name.</summary>
    public string? ReplyTo { get; init; }

    /// <summary>Time to live in a queue: milliseconds as decimal digits. <see cref="WithTimeToLive"/> writes it.</summary>
    public string? Expiration { get; init; }

    /// <summary>The application's id of the message.</summary>
    public string? MessageId { get; init; }

    /// <summary>When the message was made; AMQP keeps whole seconds.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The application's name for the kind of message.</summary>
    public string? Type { get; init; }

    /// <summary>The user that published; where set, it must equal the connection's.</summary>
    public string? UserId { get; init; }

    /// <summary>The application that published.</summary>
    public string? AppId { get; init; }

    /// <summary>Obsolete in AMQP 0-9-1 (cluster id), carried unchanged.</summary>
    public string? ClusterId { get; init; }

    /// <summary>Whether the message is to be stored in durable queues.</summary>
    public bool IsPersistent => DeliveryMode == EmbeddedMq.DeliveryMode.Persistent;

    /// <summary>A copy with a time to live.</summary>
    /// <param name="timeToLive">Zero or more; whole milliseconds count.</param>
    public MessageProperties WithTimeToLive(TimeSpan timeToLive)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(timeToLive, TimeSpan.Zero);
        return this with { Expiration = ((long)timeToLive.TotalMilliseconds).ToString(CultureInfo.InvariantCulture) };
    }

    /// <summary>A copy with one header set or replaced.</summary>
    /// <param name="name">The header's name.</param>
    /// <param name="value">Its value: a type that <see cref="HeaderTable"/> takes.</param>
    public MessageProperties WithHeader(string name, object? value)
        => this with { Headers = (Headers ?? HeaderTable.Empty).With(name, value) };
}
