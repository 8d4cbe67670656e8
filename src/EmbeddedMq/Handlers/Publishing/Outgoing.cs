namespace EmbeddedMq.Handlers.Publishing;

/// <summary>A message ready to be published. Immutable.</summary>
/// <param name="Exchange">The exchange; empty for the default one.</param>
/// <param name="RoutingKey">The routing key.</param>
/// <param name="Message">The message.</param>
/// <param name="Flags">Whether it comes back when no queue takes it.</param>
internal readonly record struct Outgoing(string Exchange, string RoutingKey, Message Message, PublishFlags Flags);
