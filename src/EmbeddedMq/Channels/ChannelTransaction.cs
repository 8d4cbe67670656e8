using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Channels;

/// <summary>What a transactional channel holds until it commits.</summary>
/// <remarks>Guarded by the channel's publish gate.</remarks>
internal sealed class ChannelTransaction
{
    /// <summary>The messages to publish, in order.</summary>
    internal List<HeldMessage> Publishes { get; private set; } = [];

    /// <summary>The settlements to carry out, in order; their deliveries have been taken from the book, and are settled the oldest first.</summary>
    internal List<(Settlement Settlement, List<Unsettled> Deliveries)> Settlements { get; private set; } = [];

    /// <summary>Holds a settlement; what is settled in the same way as the last goes with that. Source: RabbitMQ, rabbit_channel:ack_cons.</summary>
    /// <param name="settlement">How the deliveries are to be settled.</param>
    /// <param name="deliveries">The deliveries.</param>
    internal void Hold(Settlement settlement, List<Unsettled> deliveries)
    {
        if (Settlements.Count > 0 && Settlements[^1].Settlement == settlement)
        {
            Settlements[^1].Deliveries.AddRange(deliveries);
        }
        else
        {
            Settlements.Add((settlement, deliveries));
        }
    }

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
