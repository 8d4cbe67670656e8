using EmbeddedMq.Exchanges;

namespace EmbeddedMq.VirtualHosts;

/// <summary>A message of a transaction, with what it was routed to when it was published.</summary>
/// <param name="Exchange">The exchange that it was published to.</param>
/// <param name="RoutingKey">The routing key.</param>
/// <param name="Message">The message.</param>
/// <param name="QueueNames">The names of queues that it was routed to.</param>
/// <param name="Delayed">The delayed exchanges that will hold it.</param>
internal readonly record struct RoutedPublish(string Exchange, string RoutingKey, Message Message, string[] QueueNames, DelayedExchange[] Delayed);
