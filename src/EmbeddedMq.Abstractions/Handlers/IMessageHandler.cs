namespace EmbeddedMq;

/// <summary>Handles the messages of one queue. One is resolved per message, in a scope of its own.</summary>
/// <typeparam name="T">What the body is read as.</typeparam>
/// <remarks>
/// <para>Completing acknowledges the message, unless the handler settled it through the context. Throwing retries it as the consumer's
/// retry rules say, and then dead-letters it with the error in its headers.</para>
/// <para>The scope is not made where nobody could tell: for a handler that is a singleton, or transient and made of singletons only, unless it
/// asks for <see cref="IMessageContext.Services"/>.</para>
/// <para>A message may come more than once: after a crash, a lost connection, or a failed attempt. Handlers are to be idempotent.</para>
/// </remarks>
public interface IMessageHandler<in T>
{
    /// <summary>Handles one message.</summary>
    /// <param name="message">The message's body, read by the serializer; never <see langword="null"/>.</param>
    /// <param name="context">Its properties, and the ways to settle it other than by returning or throwing.</param>
    /// <param name="cancellationToken">Cancelled when the application stops and the time for handlers in flight is nearly over. If the handler throws then, the message goes back to its queue and the attempt is not counted.</param>
    ValueTask HandleAsync(T message, IMessageContext context, CancellationToken cancellationToken);
}
