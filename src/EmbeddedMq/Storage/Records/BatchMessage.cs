namespace EmbeddedMq.Storage.Records;

/// <summary>A message as <see cref="BatchBody"/> writes it.</summary>
/// <param name="Exchange">The exchange that it is published to.</param>
/// <param name="RoutingKey">The routing key of that publish.</param>
/// <param name="Properties">Its properties.</param>
/// <param name="Body">Its body.</param>
/// <param name="Refs">The queues that hold it.</param>
/// <param name="Priority">Its priority, 0 for none.</param>
internal readonly record struct BatchMessage(
    string Exchange,
    string RoutingKey,
    MessageProperties Properties,
    StoredBody Body,
    ReadOnlyMemory<QueueRef> Refs,
    byte Priority = 0)
{
    /// <summary>A message whose body is as it was published.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="refs">The queues.</param>
    internal static BatchMessage Of(string exchange, string routingKey, Message message, ReadOnlyMemory<QueueRef> refs)
        => new(exchange, routingKey, message.Properties, StoredBody.Inline(message.Body), refs, message.Properties.Priority ?? 0);
}
