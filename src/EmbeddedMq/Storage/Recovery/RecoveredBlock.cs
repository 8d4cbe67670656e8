using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage.Recovery;

/// <summary>A block of the cold log that replay has found.</summary>
/// <param name="Block">The block, and what of it is settled.</param>
/// <param name="Descriptor">What the checkpoint says of it.</param>
internal sealed record RecoveredBlock(StoredBlock Block, BlockDescriptor Descriptor)
{
    private readonly Dictionary<int, int> _marks = [];

    /// <summary>What is known of messages that were delivered.</summary>
    internal IEnumerable<BlockMark> Marks => _marks.Select(static mark => new BlockMark(mark.Key, mark.Value, Redelivered: true));

    /// <summary>Notes how often the delivery of a message has failed.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="failedDeliveries">How often.</param>
    internal void Mark(int index, int failedDeliveries) => _marks[index] = failedDeliveries;
}
