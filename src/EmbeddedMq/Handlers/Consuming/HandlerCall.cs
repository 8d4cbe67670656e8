namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Calls an application's handler, class or function.</summary>
/// <typeparam name="T">What the body is read as.</typeparam>
/// <param name="message">The message.</param>
/// <param name="context">Its context.</param>
/// <param name="cancellationToken">Cancelled near the end of a stop.</param>
internal delegate ValueTask HandlerCall<in T>(T message, IMessageContext context, CancellationToken cancellationToken);
