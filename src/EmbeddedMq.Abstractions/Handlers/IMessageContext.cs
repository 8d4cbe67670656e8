namespace EmbeddedMq;

/// <summary>One message in the hands of its handler: where it came from, and the explicit ways to settle it.</summary>
/// <remarks>
/// <para>A message is settled once. Each way of settling takes effect when its task completes, so it is best the handler's last step: what
/// the handler throws afterwards is logged and changes nothing.</para>
/// <para>Valid until the handler has completed. For use by one caller at a time.</para>
/// </remarks>
public interface IMessageContext
{
    /// <summary>The queue that it was consumed from.</summary>
    string Queue { get; }

    /// <summary>The exchange that it was first published to, also when it comes from a retry queue; empty for the default one.</summary>
    string Exchange { get; }

    /// <summary>The routing key that it was first published with, also when it comes from a retry queue.</summary>
    string RoutingKey { get; }

    /// <summary>The delivery as the broker made it.</summary>
    Delivery Delivery { get; }

    /// <summary>The message's properties.</summary>
    MessageProperties Properties { get; }

    /// <summary>The message's headers; empty when it has none.</summary>
    HeaderTable Headers { get; }

    /// <summary>Which attempt at handling it this is: 1, 2, 3 … Attempts cut short by a crash are not counted.</summary>
    int Attempt { get; }

    /// <summary>The services of this message's scope.</summary>
    /// <exception cref="InvalidOperationException">The consumer was made without services.</exception>
    IServiceProvider Services { get; }

    /// <summary>Publishes to the broker that the message came from.</summary>
    IPublisher Publisher { get; }

    /// <summary>Whether it has been settled through this context.</summary>
    bool IsSettled { get; }

    /// <summary>Settles it as processed.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidOperationException">It is settled already.</exception>
    ValueTask AckAsync(CancellationToken cancellationToken = default);

    /// <summary>Settles it as not processed, with AMQP's basic.reject: the queue's own dead-letter exchange gets it, and without one it is gone.
    /// To keep it whatever the queue's arguments are, use <see cref="DeadLetterAsync"/>.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidOperationException">It is settled already.</exception>
    ValueTask RejectAsync(CancellationToken cancellationToken = default);

    /// <summary>Puts it back into its queue for another delivery at once, to its original position where possible. Its attempts are not counted.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidOperationException">It is settled already.</exception>
    ValueTask RequeueAsync(CancellationToken cancellationToken = default);

    /// <summary>Has it delivered again after a delay, behind what is in the queue by then. Its attempts are not counted.</summary>
    /// <param name="delay">More than zero, at most 24 days. Kept to two significant digits, rounded up, so that the number of waiting queues stays small: 12.3 s waits 13 s.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidOperationException">It is settled already.</exception>
    /// <remarks>A copy goes to a queue <c>queue.defer.ms</c> whose messages expire back into this one; the original is acknowledged once the copy is confirmed.
    /// It comes back as a dead letter does: should this queue be gone or refuse it then, it is lost.</remarks>
    ValueTask DeferAsync(TimeSpan delay, CancellationToken cancellationToken = default);

    /// <summary>Sends it to the consumer's dead-letter destination, with the reason in header <see cref="MessageHeaders.Reason"/>.</summary>
    /// <param name="reason">Why, for people; not empty.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidOperationException">It is settled already.</exception>
    /// <remarks>The original is acknowledged once the copy is confirmed.</remarks>
    ValueTask DeadLetterAsync(string reason, CancellationToken cancellationToken = default);

    /// <summary>Answers the message's sender: publishes to the queue that its reply-to names, with its correlation id.</summary>
    /// <typeparam name="TResponse">The answer's type.</typeparam>
    /// <param name="response">The answer.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidOperationException">The message has no reply-to.</exception>
    /// <remarks>Does not settle the message.</remarks>
    ValueTask RespondAsync<TResponse>(TResponse response, CancellationToken cancellationToken = default);
}
