namespace EmbeddedMq;

/// <summary>Answers the requests of one queue. One is resolved per request, in a scope of its own.</summary>
/// <typeparam name="TRequest">What the request's body is read as.</typeparam>
/// <typeparam name="TResponse">What the answer's body is written from.</typeparam>
/// <remarks>What it returns goes to the queue that the request's reply-to names. When it fails for good, the requester receives a fault
/// (<see cref="RequestFaultException"/>) rather than nothing. A request without reply-to is handled, and its answer is dropped with a log line.</remarks>
public interface IRequestHandler<in TRequest, TResponse>
{
    /// <summary>Answers one request.</summary>
    /// <param name="request">The request's body, read by the serializer; never <see langword="null"/>.</param>
    /// <param name="context">Its properties, and the ways to settle it other than by returning or throwing.</param>
    /// <param name="cancellationToken">Cancelled when the application stops and the time for handlers in flight is nearly over. The request then goes back to its queue.</param>
    /// <returns>The answer; not <see langword="null"/>.</returns>
    ValueTask<TResponse> HandleAsync(TRequest request, IMessageContext context, CancellationToken cancellationToken);
}
