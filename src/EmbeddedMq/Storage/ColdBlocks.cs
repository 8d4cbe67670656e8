using System.Collections.Concurrent;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.Storage;

/// <summary>The blocks of the cold log of which anything is alive, and how many bytes of each cold segment they need.</summary>
/// <remarks>Thread-safe.</remarks>
/// <param name="live">Bytes of blocks, by cold segment.</param>
/// <param name="cold">The cold log.</param>
internal sealed class ColdBlocks(SegmentLedger live, IAppendLog cold)
{
    private readonly ConcurrentDictionary<long, Kept> _blocks = new();

    /// <summary>How many there are.</summary>
    internal int Count => _blocks.Count;

    /// <summary>Adds a block. It needs what lies before it too, as far back as it says it is long: there are pieces of its bodies.</summary>
    /// <param name="block">The block.</param>
    /// <param name="descriptor">What a checkpoint says of it.</param>
    /// <param name="transient">Bits of those of its messages that no restart brings back; <see langword="null"/>: none.</param>
    internal void Add(StoredBlock block, in BlockDescriptor descriptor, ulong[]? transient = null)
    {
        _blocks[block.Address] = new Kept(block, descriptor, transient);
        Claim(block, 1);
        NoteSettled(block);
    }

    /// <summary>Notes that messages of a block were settled: when none is left, nothing needs it any more.</summary>
    /// <param name="block">The block.</param>
    internal void NoteSettled(StoredBlock block)
    {
        if (block.LiveCount == 0 && _blocks.TryRemove(block.Address, out _))
        {
            Claim(block, -1);
        }
    }

    /// <summary>Notes how often the delivery of a message of a block has failed.</summary>
    /// <param name="block">The block.</param>
    /// <param name="index">The message's index.</param>
    /// <param name="failedDeliveries">How often.</param>
    internal void Mark(StoredBlock block, int index, int failedDeliveries)
    {
        if (_blocks.TryGetValue(block.Address, out Kept? kept))
        {
            kept.Marks[index] = failedDeliveries;
        }
    }

    /// <summary>How often the delivery of a message of a block has failed since it was moved there; <see langword="null"/>: nobody had it.</summary>
    /// <param name="block">The block.</param>
    /// <param name="index">The message's index.</param>
    internal int? FindMark(StoredBlock block, int index)
        => _blocks.TryGetValue(block.Address, out Kept? kept) && kept.Marks.TryGetValue(index, out int failedDeliveries) ? failedDeliveries : null;

    /// <summary>The blocks that no checkpoint has told of yet.</summary>
    internal StoredBlock[] Untold => [.. _blocks.Values.Select(static kept => kept.Block).Where(static block => block.JournalIds is not null)];

    /// <summary>What a checkpoint says of the blocks that a restart needs.</summary>
    internal IEnumerable<TopologyItem> Describe() => _blocks.Values.Where(static kept => !kept.Block.IsTransient).Select(static kept => new QueueBlockKept(
        kept.Block.QueueId,
        kept.Block.Level,
        kept.Descriptor,
        kept.CopySettled(),
        [.. kept.Marks.Where(mark => !kept.Block.IsSettled(mark.Key)).Select(static mark => new BlockMark(mark.Key, mark.Value, Redelivered: true))]));

    private void Claim(StoredBlock block, int sign)
    {
        live.Add(block.Address, sign * (long)block.LengthBytes);
        for (long segment = cold.SegmentOf(Math.Max(0, block.Address - block.LengthBytes)); segment < cold.SegmentOf(block.Address); segment++)
        {
            live.AddTo(segment, sign);
        }
    }

    private sealed record Kept(StoredBlock Block, BlockDescriptor Descriptor, ulong[]? Transient)
    {
        // To a restart the transient ones are settled.
        internal ulong[] CopySettled()
        {
            ulong[] settled = Block.CopySettled();
            for (int word = 0; word < (Transient?.Length ?? 0); word++)
            {
                settled[word] |= Transient![word];
            }

            return settled;
        }

        internal ConcurrentDictionary<int, int> Marks { get; } = [];
    }
}
