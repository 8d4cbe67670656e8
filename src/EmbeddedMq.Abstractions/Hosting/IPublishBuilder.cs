namespace EmbeddedMq;

/// <summary>Where messages of one type go, and with which properties.</summary>
/// <typeparam name="T">The type.</typeparam>
/// <remarks>Not thread-safe. The functions given are called from many threads at once.</remarks>
public interface IPublishBuilder<T>
{
    /// <summary>To an exchange, with an empty key: one that does not look at it, such as fanout or headers.</summary>
    /// <param name="exchange">The exchange.</param>
    IPublishBuilder<T> To(string exchange) => To(exchange, "");

    /// <summary>To an exchange, always with the same key.</summary>
    /// <param name="exchange">The exchange; empty means the default one.</param>
    /// <param name="routingKey">The routing key, at most 255 bytes of UTF-8.</param>
    IPublishBuilder<T> To(string exchange, string routingKey);

    /// <summary>To an exchange, with a key made from the message.</summary>
    /// <param name="exchange">The exchange; empty means the default one.</param>
    /// <param name="routingKey">Makes the routing key, at most 255 bytes of UTF-8.</param>
    IPublishBuilder<T> To(string exchange, Func<T, string> routingKey);

    /// <summary>To a queue by its name, through the default exchange; mandatory unless changed.</summary>
    /// <param name="queue">The queue.</param>
    IPublishBuilder<T> ToQueue(string queue);

    /// <summary>Whether a message that no queue takes comes back: publishing then throws. Default: only for <see cref="ToQueue"/>.</summary>
    /// <param name="mandatory">Whether.</param>
    IPublishBuilder<T> Mandatory(bool mandatory = true);

    /// <summary>Whether messages are stored in durable queues. Default yes.</summary>
    /// <param name="persistent">Whether.</param>
    IPublishBuilder<T> Persistent(bool persistent = true);

    /// <summary>Priority in queues with priorities. Default: not set.</summary>
    /// <param name="priority">0 to 255, the higher the sooner.</param>
    IPublishBuilder<T> Priority(byte priority);

    /// <summary>How long messages may wait in a queue. Default: without end.</summary>
    /// <param name="timeToLive">Zero or more; whole milliseconds count.</param>
    IPublishBuilder<T> TimeToLive(TimeSpan timeToLive);

    /// <summary>Takes the message id from the message; where it gives <see langword="null"/>, a new one is made. Default: always a new one.</summary>
    /// <param name="messageId">Reads it.</param>
    IPublishBuilder<T> MessageId(Func<T, string?> messageId);

    /// <summary>Takes the correlation id from the message. Default: none.</summary>
    /// <param name="correlationId">Reads it; <see langword="null"/> sets none.</param>
    IPublishBuilder<T> CorrelationId(Func<T, string?> correlationId);

    /// <summary>Sets a header from the message.</summary>
    /// <param name="name">The header's name.</param>
    /// <param name="value">Reads its value: a type that <see cref="HeaderTable"/> takes.</param>
    IPublishBuilder<T> Header(string name, Func<T, object?> value);

    /// <summary>The application's name for this kind of message. Default: the full name of its type, without assemblies.</summary>
    /// <param name="type">The name.</param>
    /// <remarks>It travels with the messages. Where an application publishes two types that have nothing to do with each other, a consumer of the one
    /// dead-letters what bears the name of the other as unreadable. Names that nobody publishes here, and messages without one, are read in any case.</remarks>
    IPublishBuilder<T> Type(string type);

    /// <summary>Hands the very object that is published to the handlers, where it need not leave this process's memory: nothing is written and read for
    /// that. Default: each handler gets an object of its own, read from the body.</summary>
    /// <param name="countedBytes">How many bytes such a message counts for wherever bytes are counted (memory, length limits, the largest message), because
    /// nobody knows its length. Zero or more, default 1,024.</param>
    /// <remarks>
    /// <para>Only for objects that nobody changes after they were published, such as records of values: publisher and all handlers share one.</para>
    /// <para>On an embedded broker without a data directory the body is written, by the same serializer, when somebody first reads it: a consumer of another
    /// type, a raw channel, the fingerprint of an idempotent consumer. With a data directory it is written at publishing, since any message may have to go to
    /// disk, and counts with its length; handlers get the object as long as the message is in memory. On another engine it is written at publishing, and handlers
    /// get what was read.</para>
    /// <para>It holds for what <see cref="IPublisher"/> sends, requests and answers included. What is in an outbox, or held until an idempotent message is
    /// completed, is written at once, and read by its handlers.</para>
    /// <para>A handler gets the object where it consumes the type under which the message was published; not a base type, not an interface.</para>
    /// </remarks>
    IPublishBuilder<T> ByReference(int countedBytes = 1_024);

    /// <summary>Has somebody ask for messages that nobody confirms to have processed: see <see cref="ICheckBuilder"/>. Not for requests and answers.</summary>
    /// <param name="delay">How long after the publish; 1 millisecond to 24 days. Longer than processing takes with its retries, or messages are sent twice in vain.</param>
    /// <remarks>The check is published, and confirmed, before the message: whatever happens in between, somebody will ask.</remarks>
    IPublishBuilder<T> Check(TimeSpan delay);
}
