namespace EmbeddedMq.Storage.Records;

/// <summary>A message as it was read from a record.</summary>
/// <param name="Message">The message, with a body of its own.</param>
/// <param name="Exchange">The exchange that it was published to.</param>
/// <param name="RoutingKey">The routing key of that publish.</param>
internal readonly record struct StoredMessage(Message Message, string Exchange, string RoutingKey);
