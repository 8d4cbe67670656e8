namespace EmbeddedMq;

/// <summary>Shorter ways to call an <see cref="IPublisher"/>.</summary>
public static class PublisherExtensions
{
    /// <summary>Publishes a message as its route says, and waits until the broker has taken responsibility for it.</summary>
    /// <typeparam name="T">The message's type, by which its route is found.</typeparam>
    /// <param name="publisher">The publisher.</param>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Stops the waiting. A message already routed stays routed.</param>
    /// <remarks>Fails as <see cref="IPublisher.PublishAsync{T}"/> does.</remarks>
    public static ValueTask PublishAsync<T>(this IPublisher publisher, T message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(publisher);
        return publisher.PublishAsync(message, options: null, cancellationToken);
    }
}
