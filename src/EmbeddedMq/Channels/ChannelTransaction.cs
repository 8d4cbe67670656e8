using EmbeddedMq.Exchanges;

namespace EmbeddedMq.Channels;

/// <summary>What a transactional channel holds until it commits.</summary>
/// <remarks>Guarded by the channel's publish gate.</remarks>
internal sealed class ChannelTransaction
{
    /// <summary>The messages to publish, in order.</summary>
    internal List<HeldMessage> Publishes { get; private set; } = [];

    /// <summary>The settlements to carry out, in order; their deliveries have been taken from the book.</summary>
    internal List<(Settlement Settlement, List<Unsettled> Deliveries)> Settlements { get; private set; } = [];

    /// <summary>Begins the next transaction and gives out what this one held.</summary>
    internal ChannelTransaction TakeAll()
    {
        ChannelTransaction taken = new() { Publishes = Publishes, Settlements = Settlements };
        Publishes = [];
        Settlements = [];
        return taken;
    }

    /// <summary>A message to publish.</summary>
    /// <param name="Exchange">The exchange.</param>
    /// <param name="RoutingKey">The routing key.</param>
    /// <param name="Message">The message.</param>
    /// <param name="IsMandatory">Whether it comes back when no queue takes it.</param>
    /// <param name="QueueNames">The names of queues that it was routed to when it was published.</param>
    /// <param name="Delayed">The delayed exchanges that it was routed to then.</param>
    internal readonly record struct HeldMessage(
        string Exchange, string RoutingKey, Message Message, bool IsMandatory, string[] QueueNames, DelayedExchange[] Delayed)
    {
        /// <summary>What it counts for in the memory ledger while it is held.</summary>
        internal long MemoryBytes => Message.Body.Length;
    }
}
