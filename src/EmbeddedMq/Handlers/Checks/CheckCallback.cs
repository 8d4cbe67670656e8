using EmbeddedMq.Handlers.Consuming;

namespace EmbeddedMq.Handlers.Checks;

/// <summary>Asks the producer of a message about it, and has it sent again if the producer says so.</summary>
/// <param name="services">What the consumer of the check works with.</param>
/// <param name="message">The check.</param>
/// <param name="context">The check in its handler's hands.</param>
/// <param name="cancellationToken">Cancelled when the application stops.</param>
/// <returns>Whether the message was sent again.</returns>
internal delegate ValueTask<bool> CheckCallback(ConsumerServices services, CheckMessage message, IMessageContext context, CancellationToken cancellationToken);
