using EmbeddedMq.VirtualHosts;

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
    /// <param name="Publish">The message and where it goes.</param>
    /// <param name="IsMandatory">Whether it comes back when no queue takes it.</param>
    internal readonly record struct HeldMessage(RoutedPublish Publish, bool IsMandatory)
    {
        /// <summary>What it counts for in the memory ledger while it is held.</summary>
        internal long MemoryBytes => Publish.Message.CountedBytes;
    }
}
