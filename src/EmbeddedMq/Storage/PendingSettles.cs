using EmbeddedMq.Messages;

namespace EmbeddedMq.Storage;

/// <summary>What is to be written of one queue's messages: which have left it, and which were delivered without success.</summary>
/// <remarks>Guarded by its owner's gate.</remarks>
internal sealed class PendingSettles
{
    /// <summary>How many notes there are.</summary>
    internal int Count => Settled.Count + SettledInBlocks.Count + Marks.Count + Expiries.Count;

    /// <summary>The ids of messages in the journal that have left the queue.</summary>
    internal List<ulong> Settled { get; } = [];

    /// <summary>The blocks and indexes of messages in the cold log that have left the queue.</summary>
    internal List<(StoredBlock Block, int Index)> SettledInBlocks { get; } = [];

    /// <summary>Messages that were delivered, and how often that has failed.</summary>
    internal List<(QueuedMessage Entry, int FailedDeliveries)> Marks { get; } = [];

    /// <summary>The ids of messages that came into the queue later than they were stored, and when they expire, in milliseconds since 1970.</summary>
    internal List<(ulong Id, long ExpiresUtcMs)> Expiries { get; } = [];

    /// <summary>Notes that a message has left the queue.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="block">The block that it was settled in; <see langword="null"/>: it was settled in the journal.</param>
    internal void Settle(QueuedMessage entry, StoredBlock? block)
    {
        if (block is null)
        {
            Settled.Add(entry.StoredAt);
        }
        else
        {
            Settle(block, entry.BlockIndex);
        }
    }

    /// <summary>Notes that a message of a block has left the queue: in each place where a restart may find it.</summary>
    /// <param name="block">The block.</param>
    /// <param name="index">The message's index.</param>
    internal void Settle(StoredBlock block, int index)
    {
        if (block.Move is null)
        {
            SettleAt(block, index);
            return;
        }

        foreach ((StoredBlock place, int placeIndex) in block.PlacesOf(index))
        {
            SettleAt(place, placeIndex);
        }
    }

    private void SettleAt(StoredBlock block, int index)
    {
        SettledInBlocks.Add((block, index));
        if (block.JournalIds is { } ids && ids[index] != 0)
        {
            Settled.Add(ids[index]);
        }
    }
}
