namespace EmbeddedMq;

/// <summary>How one queue is consumed.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
/// <remarks>Not thread-safe. The configuration section <c>EmbeddedMq:Consumers:queue</c> may override <c>Concurrency</c> and <c>Prefetch</c>.</remarks>
public interface IConsumerBuilder<T>
{
    /// <summary>How many handlers may run at once.</summary>
    /// <param name="handlers">1 to 4,096. Default 1.</param>
    IConsumerBuilder<T> Concurrency(int handlers);

    /// <summary>How many messages may be unsettled at once: those in handlers, and those waiting for one or for their retry here.</summary>
    /// <param name="messages">1 to 65,535, and not less than the concurrency. Default: four times the concurrency, at least 64.</param>
    IConsumerBuilder<T> Prefetch(int messages);

    /// <summary>Keeps messages of one key in order: the next begins when the one before has been settled, retries included. Messages of
    /// different keys are handled in parallel, up to the concurrency.</summary>
    /// <typeparam name="TKey">The key's type; keys are compared with its default equality.</typeparam>
    /// <param name="key">Reads the key from a message. An error of it counts as the message being unreadable. Keys must stay equal to themselves while
    /// their messages are handled: a text, a number, a record of values that no handler changes.</param>
    /// <remarks>
    /// <para>Promised: among messages that this consumer holds the order of their deliveries is kept for each key, across failed attempts
    /// (which wait in the consumer, see <see cref="RetryWait.Consumer"/>), a lost channel, and a stop. One that is given up is dead-lettered before the next begins.</para>
    /// <para>Not promised: order across several consumers of one queue (make the queue <see cref="QueueDeclaration.SingleActiveConsumer"/>), for
    /// a message that its handler requeues or defers, and with <see cref="RetryWait.Queue"/>.</para>
    /// </remarks>
    IConsumerBuilder<T> KeyBy<TKey>(Func<T, TKey> key)
        where TKey : notnull;

    /// <summary>What happens when the handler throws. Default: no retry, the message is dead-lettered.</summary>
    /// <param name="configure">Says it.</param>
    IConsumerBuilder<T> Retry(Action<IRetryBuilder> configure);

    /// <summary>Where messages go that are given up, cannot be read, or are dead-lettered by the handler. Default: queue <c>queue.error</c>.</summary>
    /// <param name="queue">A queue; declared durable if neither the topology nor the broker has it.</param>
    IConsumerBuilder<T> DeadLetterTo(string queue);

    /// <summary>Where messages go that are given up, cannot be read, or are dead-lettered by the handler. Default: queue <c>queue.error</c>.</summary>
    /// <param name="exchange">An exchange; while it does not exist or route, the message stays in its queue and is handled again after a growing delay.</param>
    /// <param name="routingKey">The routing key.</param>
    IConsumerBuilder<T> DeadLetterTo(string exchange, string routingKey);

    /// <summary>Has each message take effect once: one that was processed before is acknowledged without its handler.</summary>
    /// <param name="configure">Id and fingerprint; <see langword="null"/> means the message's id and a hash of its body.</param>
    /// <remarks>
    /// <para>A message whose id is known with another fingerprint is dead-lettered with reason <see cref="MessageHeaders.ReasonConflict"/>.</para>
    /// <para>What the handler publishes with <see cref="IMessageContext.Publisher"/> is held until it has returned, and sent as part of remembering the
    /// message where the store can; it is not sent when the handler throws. Requests are sent at once.</para>
    /// <para>What the handler does elsewhere may be done twice if the process dies between that and the acknowledgement, unless the store shares the
    /// handler's database transaction.</para>
    /// </remarks>
    IConsumerBuilder<T> Idempotent(Action<IIdempotentConsumerBuilder<T>>? configure = null);

    /// <summary>Tells the check service of each message that was processed, before it is acknowledged: see <see cref="ICheckBuilder"/>. Messages that were
    /// published without <see cref="IPublishBuilder{T}.Check"/> are not concerned.</summary>
    /// <remarks>For an idempotent consumer the confirmation is part of remembering the message, and a duplicate is confirmed again. A confirmation that
    /// cannot be sent is logged, and the message acknowledged: its check will find none, and its producer is asked.</remarks>
    IConsumerBuilder<T> ConfirmsProcessing();

    /// <summary>Consumers of higher priority receive all messages until their prefetch is full. Default 0.</summary>
    /// <param name="priority">The priority.</param>
    IConsumerBuilder<T> Priority(int priority);

    /// <summary>Wants the queue for this consumer alone.</summary>
    IConsumerBuilder<T> Exclusive();

    /// <summary>The consumer's tag, unique on its channel. Default: the broker makes one.</summary>
    /// <param name="consumerTag">At most 255 bytes of UTF-8.</param>
    IConsumerBuilder<T> Tag(string consumerTag);
}
