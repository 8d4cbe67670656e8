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
    private readonly ConcurrentQueue<BlockMove> _untoldMoves = new();

    /// <summary>How many there are.</summary>
    internal int Count => _blocks.Count;

    /// <summary>Bytes of the messages in them that are not settled.</summary>
    internal long LiveBytes => _blocks.Values.Sum(static kept => kept.Block.LiveBytes);

    /// <summary>All of them, as they are at present.</summary>
    internal IReadOnlyList<ColdBlock> List() => [.. _blocks.Values.Select(static kept => new ColdBlock(kept.Block, kept.Descriptor, kept.Transient))];

    /// <summary>Adds a block. It needs what lies before it too, as far back as it says it is long: there are pieces of its bodies.</summary>
    /// <param name="added">The block.</param>
    internal void Add(ColdBlock added)
    {
        _blocks[added.Block.Address] = new Kept(added);
        Claim(added.Block, 1);
        NoteSettled(added.Block);
    }

    /// <summary>Puts a block in the place of others, of which it holds what was left. One caller at a time.</summary>
    /// <param name="added">The block.</param>
    /// <param name="moved">The others, none of which has moved, and where in the block their messages are.</param>
    internal void Exchange(ColdBlock added, IReadOnlyList<(StoredBlock Block, BlockMove Move)> moved)
    {
        Kept kept = new(added);
        _blocks[added.Block.Address] = kept;
        Claim(added.Block, 1);
        foreach ((StoredBlock block, BlockMove move) in moved)
        {
            _untoldMoves.Enqueue(move);
            block.MoveTo(move);
            if (_blocks.TryGetValue(block.Address, out Kept? old))
            {
                // From here on marks are made in both; one that is there already is newer.
                foreach ((int index, int failedDeliveries) in old.Marks)
                {
                    if (move.TryFind(index, out int targetIndex))
                    {
                        kept.TryAddMark(targetIndex, failedDeliveries);
                    }
                }

                Remove(block);
            }
        }

        NoteSettled(added.Block);
    }

    /// <summary>Notes that messages of a block were settled: when none is left, nothing needs it any more.</summary>
    /// <param name="block">The block; those that its messages have moved to are looked at too.</param>
    internal void NoteSettled(StoredBlock block)
    {
        for (StoredBlock? place = block; place is not null; place = place.Move?.Target)
        {
            if (place.LiveCount == 0)
            {
                Remove(place);
            }
        }
    }

    /// <summary>Notes how often the delivery of a message of a block has failed.</summary>
    /// <param name="block">The block.</param>
    /// <param name="index">The message's index.</param>
    /// <param name="failedDeliveries">How often.</param>
    internal void Mark(StoredBlock block, int index, int failedDeliveries)
    {
        bool hasPlace = true;
        while (hasPlace)
        {
            if (_blocks.TryGetValue(block.Address, out Kept? kept))
            {
                kept.SetMark(index, failedDeliveries);
            }

            Interlocked.MemoryBarrier(); // whoever moves the block says so first and copies its marks then
            BlockMove? move = block.Move;
            hasPlace = move is not null && move.TryFind(index, out index);
            block = move?.Target ?? block;
        }
    }

    /// <summary>How often the delivery of a message of a block has failed since it was moved there; <see langword="null"/>: nobody had it.</summary>
    /// <param name="block">The block.</param>
    /// <param name="index">The message's index.</param>
    internal int? FindMark(StoredBlock block, int index)
    {
        int? mark;
        bool hasPlace;
        do
        {
            mark = _blocks.TryGetValue(block.Address, out Kept? kept) ? kept.FindMark(index) : null;
            BlockMove? move = block.Move;
            hasPlace = move is not null && move.TryFind(index, out index);
            block = move?.Target ?? block;
        }
        while (mark is null && hasPlace);
        return mark;
    }

    /// <summary>Moves that no checkpoint has told of yet.</summary>
    internal BlockMove[] UntoldMoves => [.. _untoldMoves];

    /// <summary>Notes that a checkpoint has told of moves.</summary>
    /// <param name="moves">The first of the untold ones.</param>
    internal void NoteTold(BlockMove[] moves)
    {
        foreach (BlockMove move in moves)
        {
            move.NoteTold();
            _untoldMoves.TryDequeue(out _);
        }
    }

    /// <summary>The blocks that no checkpoint has told of yet.</summary>
    internal StoredBlock[] Untold => [.. _blocks.Values.Select(static kept => kept.Block).Where(static block => block.JournalIds is not null)];

    /// <summary>What a checkpoint says of the blocks that a restart needs.</summary>
    internal IEnumerable<TopologyItem> Describe() => _blocks.Values.Where(static kept => !kept.Block.IsTransient).Select(static kept => new QueueBlockKept(
        kept.Block.QueueId,
        kept.Block.Level,
        kept.Descriptor,
        kept.CopySettled(),
        [.. kept.Marks.Where(mark => !kept.Block.IsSettled(mark.Key)).Select(static mark => new BlockMark(mark.Key, mark.Value, Redelivered: true))]));

    /// <summary>Forgets a block that no queue took.</summary>
    /// <param name="block">The block.</param>
    internal void Forget(StoredBlock block) => Remove(block);

    private void Remove(StoredBlock block)
    {
        if (_blocks.TryRemove(block.Address, out _))
        {
            Claim(block, -1);
        }
    }

    private void Claim(StoredBlock block, int sign)
    {
        live.Add(block.Address, sign * block.LengthBytes);
        for (long segment = cold.SegmentOf(Math.Max(0, block.Address - block.LengthBytes)); segment < cold.SegmentOf(block.Address); segment++)
        {
            live.AddTo(segment, sign);
        }
    }

    private sealed class Kept(ColdBlock block)
    {
        private ConcurrentDictionary<int, int>? _marks; // made with the first one: few blocks have any

        internal StoredBlock Block => block.Block;

        internal BlockDescriptor Descriptor => block.Descriptor;

        internal ulong[]? Transient => block.Transient;

        internal IEnumerable<KeyValuePair<int, int>> Marks => Volatile.Read(ref _marks) ?? Enumerable.Empty<KeyValuePair<int, int>>();

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

        internal void SetMark(int index, int failedDeliveries) => OpenMarks()[index] = failedDeliveries;

        internal void TryAddMark(int index, int failedDeliveries) => OpenMarks().TryAdd(index, failedDeliveries);

        internal int? FindMark(int index)
            => Volatile.Read(ref _marks) is { } marks && marks.TryGetValue(index, out int failedDeliveries) ? failedDeliveries : null;

        private ConcurrentDictionary<int, int> OpenMarks()
            => Volatile.Read(ref _marks) ?? Interlocked.CompareExchange(ref _marks, new ConcurrentDictionary<int, int>(), null) ?? _marks;
    }
}
