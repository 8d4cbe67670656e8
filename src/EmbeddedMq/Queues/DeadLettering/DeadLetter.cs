namespace EmbeddedMq.Queues;

/// <summary>A dead message as it is to be published to the dead-letter exchange.</summary>
/// <param name="Message">The message, its death in the headers. CC keys, where they still count, are in its header <c>CC</c>.</param>
/// <param name="RoutingKey">Its routing key.</param>
/// <param name="BccKeys">Further keys to route by, beside those of <c>CC</c>.</param>
internal readonly record struct DeadLetter(Message Message, string RoutingKey, IReadOnlyList<string> BccKeys);
