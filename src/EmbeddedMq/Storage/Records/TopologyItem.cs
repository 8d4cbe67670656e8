namespace EmbeddedMq.Storage.Records;

/// <summary>One change of what is declared, or one thing that a checkpoint lists. A closed family. Layout: <see cref="TopologyCodec"/>.</summary>
/// <remarks>Immutable. In the order of the log they say what there is; each may come again without harm.</remarks>
internal abstract record TopologyItem
{
    private TopologyItem()
    {
    }

    /// <summary>A virtual host exists.</summary>
    /// <param name="Name">Its name.</param>
    internal sealed record VirtualHostAdded(string Name) : TopologyItem;

    /// <summary>A virtual host is gone, with everything in it.</summary>
    /// <param name="Name">Its name.</param>
    internal sealed record VirtualHostRemoved(string Name) : TopologyItem;

    /// <summary>An exchange exists.</summary>
    /// <param name="VirtualHost">Its virtual host.</param>
    /// <param name="Id">Its id in the store.</param>
    /// <param name="Declaration">What it is.</param>
    internal sealed record ExchangeDeclared(string VirtualHost, uint Id, ExchangeDeclaration Declaration) : TopologyItem;

    /// <summary>An exchange is gone; its bindings are unbound by items of their own.</summary>
    /// <param name="VirtualHost">Its virtual host.</param>
    /// <param name="Name">Its name.</param>
    internal sealed record ExchangeDeleted(string VirtualHost, string Name) : TopologyItem;

    /// <summary>A queue exists.</summary>
    /// <param name="VirtualHost">Its virtual host.</param>
    /// <param name="Id">Its id in the store, which no other queue ever has.</param>
    /// <param name="Declaration">What it is, by the name that the broker gave it.</param>
    internal sealed record QueueDeclared(string VirtualHost, uint Id, QueueDeclaration Declaration) : TopologyItem;

    /// <summary>A queue is gone, with its messages.</summary>
    /// <param name="Id">Its id in the store.</param>
    internal sealed record QueueDeleted(uint Id) : TopologyItem;

    /// <summary>A binding exists.</summary>
    /// <param name="VirtualHost">Its virtual host.</param>
    /// <param name="Source">The exchange that routes.</param>
    /// <param name="DestinationKind">What receives.</param>
    /// <param name="Destination">The queue or exchange that receives.</param>
    /// <param name="RoutingKey">The binding key.</param>
    /// <param name="Arguments">The arguments.</param>
    internal sealed record Bound(
        string VirtualHost, string Source, DestinationKind DestinationKind, string Destination, string RoutingKey, HeaderTable Arguments) : TopologyItem;

    /// <summary>A binding is gone.</summary>
    /// <param name="VirtualHost">Its virtual host.</param>
    /// <param name="Source">The exchange that routed.</param>
    /// <param name="DestinationKind">What received.</param>
    /// <param name="Destination">The queue or exchange that received.</param>
    /// <param name="RoutingKey">The binding key.</param>
    /// <param name="Arguments">The arguments.</param>
    internal sealed record Unbound(
        string VirtualHost, string Source, DestinationKind DestinationKind, string Destination, string RoutingKey, HeaderTable Arguments) : TopologyItem;

    /// <summary>A policy exists; it replaces one of its name.</summary>
    /// <param name="VirtualHost">Its virtual host.</param>
    /// <param name="Policy">The policy.</param>
    internal sealed record PolicySet(string VirtualHost, Policy Policy) : TopologyItem;

    /// <summary>A policy is gone.</summary>
    /// <param name="VirtualHost">Its virtual host.</param>
    /// <param name="Name">Its name.</param>
    internal sealed record PolicyDeleted(string VirtualHost, string Name) : TopologyItem;

    /// <summary>Somebody consumes or has consumed from a queue, so that it may go when the last consumer has gone.</summary>
    /// <param name="Id">The queue's id in the store.</param>
    internal sealed record QueueTouched(uint Id) : TopologyItem;

    /// <summary>Messages of a queue count as handed over before.</summary>
    /// <param name="Id">The queue's id.</param>
    /// <param name="Below">All with lower ids.</param>
    internal sealed record QueueRedelivered(uint Id, StoredId Below) : TopologyItem;

    /// <summary>In checkpoints: a queue holds a block of the cold log. They come in no order.</summary>
    /// <param name="QueueId">The queue's id in the store.</param>
    /// <param name="Level">The priority level in the queue.</param>
    /// <param name="Block">The block.</param>
    /// <param name="Settled">Which of its messages are settled: 64 a word, the first in the lowest bit; empty: none of them.</param>
    /// <param name="Marks">What is known of its messages beyond what the block says.</param>
    /// <remarks>Equality is that of the lists' objects, not of their elements.</remarks>
    internal sealed record QueueBlockKept(
        uint QueueId, byte Level, BlockDescriptor Block, ReadOnlyMemory<ulong> Settled, IReadOnlyList<BlockMark> Marks) : TopologyItem;

    /// <summary>In checkpoints: a block of receipts is in the cold log. They come in the order in which they were written.</summary>
    /// <param name="Address">Where its record is.</param>
    /// <param name="Length">How long the body of that record is, in bytes.</param>
    /// <param name="Count">How many receipts it has.</param>
    /// <param name="LastUtcMs">When the newest of them was made, in milliseconds since 1970, UTC.</param>
    internal sealed record ReceiptBlockKept(long Address, int Length, int Count, long LastUtcMs) : TopologyItem;

    /// <summary>In checkpoints: the lowest id that no queue and no exchange has been given yet.</summary>
    /// <param name="Id">The id.</param>
    internal sealed record NextQueueId(uint Id) : TopologyItem;
}
