using EmbeddedMq.Bindings;
using EmbeddedMq.Exchanges;

namespace EmbeddedMq.VirtualHosts;

/// <summary>A message of a commit, with what it was routed to.</summary>
/// <param name="Exchange">The exchange that it is published to.</param>
/// <param name="RoutingKey">The routing key.</param>
/// <param name="Message">The message.</param>
/// <param name="Queues">The queues that will hold it: these objects, so that one that is deleted meanwhile gives up its claim on the message.</param>
/// <param name="Delayed">The delayed exchanges that will hold it.</param>
internal readonly record struct CommittedPublish(string Exchange, string RoutingKey, Message Message, IDestination[] Queues, DelayedExchange[] Delayed);
