namespace EmbeddedMq;

/// <summary>Publishes objects as messages, and asks for answers.</summary>
/// <remarks>
/// <para>Where a type goes is said once, with <see cref="IEmbeddedMqBuilder.Publish{T}"/>, or with each call in <see cref="PublishOptions"/>.</para>
/// <para>Unless told otherwise a message is persistent, has a new message id, the serializer's content type, the type's name, the time of
/// publishing, and the trace context in its headers.</para>
/// <para>Thread-safe. Publishes awaited one after another keep their order.</para>
/// </remarks>
public interface IPublisher
{
    /// <summary>Publishes a message and waits until the broker has taken responsibility for it.</summary>
    /// <typeparam name="T">The message's type, by which its route is found and its body written: what a derived type adds is in the body only if the
    /// serializer is told so, as with System.Text.Json's <c>[JsonDerivedType]</c>.</typeparam>
    /// <param name="message">The message.</param>
    /// <param name="options">What differs for this message; <see langword="null"/> means nothing.</param>
    /// <param name="cancellationToken">Stops the waiting. A message already routed stays routed.</param>
    /// <exception cref="PublishException">Rejected by a full queue, or mandatory and returned as unroutable.</exception>
    /// <exception cref="ChannelException">404 there is no such exchange.</exception>
    /// <exception cref="InvalidOperationException">There is no route for the type, or the serializer does not know it.</exception>
    ValueTask PublishAsync<T>(T message, PublishOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Publishes a message and tells what became of it as a value.</summary>
    /// <inheritdoc cref="PublishAsync{T}" path="/param"/>
    /// <inheritdoc cref="PublishAsync{T}" path="/typeparam"/>
    /// <returns>Confirmed, returned or rejected. A result that is ignored is a message that may be lost.</returns>
    /// <exception cref="ChannelException">404 there is no such exchange.</exception>
    /// <exception cref="InvalidOperationException">There is no route for the type, or the serializer does not know it.</exception>
    ValueTask<PublishResult> TryPublishAsync<T>(T message, PublishOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Sends a request and waits for its answer, over RabbitMQ's direct reply-to: no reply queue is declared.</summary>
    /// <typeparam name="TRequest">The request's type, by which its route is found.</typeparam>
    /// <typeparam name="TResponse">The answer's type.</typeparam>
    /// <param name="request">The request. It is always mandatory, and expires in its queue with the timeout unless <see cref="PublishOptions.TimeToLive"/> says otherwise.</param>
    /// <param name="timeout">How long all of it may take, a connection that is being recovered included; more than zero. Default 30 s.</param>
    /// <param name="options">What differs for this request; reply-to and correlation id are set by the publisher.</param>
    /// <param name="cancellationToken">Stops the waiting; the request may still be handled.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="RequestFaultException">The handler failed, or the request could not be read.</exception>
    /// <exception cref="TimeoutException">No answer came in time.</exception>
    /// <exception cref="InvalidOperationException">There is no route for the request's type, the serializer does not know it, or the answer cannot be read as <typeparamref name="TResponse"/>.</exception>
    /// <exception cref="PublishException">No queue takes the request, or a full one rejected it.</exception>
    /// <exception cref="ChannelException">404 there is no such exchange; or the channel closed before the answer came.</exception>
    ValueTask<TResponse> RequestAsync<TRequest, TResponse>(
        TRequest request, TimeSpan? timeout = null, PublishOptions? options = null, CancellationToken cancellationToken = default);
}
