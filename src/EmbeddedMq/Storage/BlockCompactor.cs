using System.Runtime.InteropServices;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.Storage;

/// <summary>Gives back the space of cold segments of which little is alive: what is left in their blocks moves into new blocks, in the same order.</summary>
/// <remarks>
/// <para>It works when the log is more than <see cref="MostBytesPerLiveByte"/> times as long as what is alive in it, and two segments more: a queue
/// that is simply consumed frees whole segments by itself, and what is about to go should not be copied. Then the segments go first of which the
/// least is alive, and none of which more than half is: each byte that is written makes at least one free.</para>
/// <para>One caller at a time, never beside a checkpoint. Queues know nothing of it (<see cref="StoredBlock.Move"/>). The new blocks are synced before
/// they count; the next checkpoint tells of them, and releases the segments. Segments with a block that cannot be read are left alone.</para>
/// </remarks>
/// <param name="store">The store.</param>
internal sealed class BlockCompactor(MessageStore store)
{
    // With all segments at least half alive, the log is twice as long as what is alive.
    private const int MostBytesPerLiveByte = 2;
    private const double MostLiveShare = 0.5;

    // What one pass reads at most, beyond one segment: it is half a second's work, and those who publish want the disk too.
    private const long MostBytesRead = 256L << 20;

    // As evacuation does it: four blocks to a page, and one is what a queue brings back at once.
    private const int MostBlockBytes = 1 << 20;

    private readonly StoredMessageReader _reader = new(store.Journal);
    private readonly BlockAppender _appender = new(store.Journal);
    private readonly List<(ColdBlock Block, List<(StoredBlock Block, BlockMove Move)> Moved)> _written = [];
    private readonly List<(StoredBlock Block, int FirstIndex, ushort[] Indexes)> _group = []; // what the block holds that is being made

    private readonly HashSet<long> _unreadable = []; // segments of blocks that could not be read: left alone until the store is opened anew

    private long _movedTotal;

    /// <summary>How many messages have moved. Read by anybody.</summary>
    internal long MovedTotal => Volatile.Read(ref _movedTotal);

    /// <summary>Moves what is left in sparse segments, as much as one pass may.</summary>
    /// <param name="cancellationToken">Stops it; what was not exchanged stays where it was.</param>
    /// <returns>Whether anything has moved, so that a checkpoint releases something.</returns>
    /// <exception cref="JournalException">A block cannot be read or written; all messages stay where they were.</exception>
    internal async ValueTask<bool> RunAsync(CancellationToken cancellationToken)
    {
        long surplus = SurplusBytes();
        if (surplus <= 0)
        {
            return false;
        }

        IReadOnlyList<ColdBlock> blocks = store.Blocks.List();
        HashSet<long> sparse = ChooseSegments(blocks, surplus);
        if (sparse.Count == 0)
        {
            return false;
        }

        _written.Clear();
        _group.Clear();
        foreach (IGrouping<(uint, byte, bool), ColdBlock> level in blocks.GroupBy(static block => (block.Block.QueueId, block.Block.Level, block.Block.IsTransient)))
        {
            await RewriteAsync(level.OrderBy(static block => block.Descriptor.First), sparse, cancellationToken).ConfigureAwait(false);
        }

        List<(ReceiptBlockKept Old, ReceiptBlockKept New)> receipts = [];
        foreach (ReceiptBlockKept block in store.Receipts.Describe().Where(block => sparse.Contains(store.Journal.Cold.SegmentOf(block.Address))))
        {
            receipts.Add((block, ReadOrLeaveAlone([store.Journal.Cold.SegmentOf(block.Address)], () => store.Receipts.CopyBlock(block))));
        }

        await store.Journal.Cold.FlushAsync(Durability.Synced, cancellationToken).ConfigureAwait(false);
        store.Receipts.ExchangeBlocks(receipts);
        foreach ((ColdBlock block, List<(StoredBlock Block, BlockMove Move)> moved) in _written)
        {
            store.Blocks.Exchange(block, moved);
            Volatile.Write(ref _movedTotal, _movedTotal + block.Descriptor.Count);
        }

        return true;
    }

    // By how much the log is too long, and a quarter of what it may be more, so that it is not done again at once.
    private long SurplusBytes()
    {
        IAppendLog cold = store.Journal.Cold;
        long length = cold.Segments.Sum(static segment => segment.End - segment.Begin);
        long slack = 2 * cold.SegmentBytes;
        if (length <= slack)
        {
            return 0;
        }

        long live = store.Blocks.LiveBytes + store.Receipts.Describe().Sum(static block => (long)block.Length);
        long most = (MostBytesPerLiveByte * live) + slack;
        return length <= most ? 0 : length - (most * 3 / 4);
    }

    private HashSet<long> ChooseSegments(IReadOnlyList<ColdBlock> blocks, long surplus)
    {
        IAppendLog cold = store.Journal.Cold;
        Dictionary<long, long> live = [];
        HashSet<long> untouchable = [.. _unreadable, cold.SegmentOf(cold.TailAddress)];
        foreach (ColdBlock block in blocks)
        {
            AddLive(block.Block, live);
            if (block.Block.JournalIds is not null)
            {
                untouchable.UnionWith(SegmentsOf(block.Block)); // until a checkpoint tells of the block
            }
        }

        foreach (ReceiptBlockKept block in store.Receipts.Describe())
        {
            CollectionsMarshal.GetValueRefOrAddDefault(live, cold.SegmentOf(block.Address), out _) += block.Length;
        }

        HashSet<long> chosen = [];
        long read = 0;
        foreach (SegmentInfo segment in cold.Segments.Where(segment => !untouchable.Contains(segment.Id)).OrderBy(segment => ShareOf(segment, live)))
        {
            if (surplus <= 0 || ShareOf(segment, live) > MostLiveShare || (read >= MostBytesRead && chosen.Count > 0))
            {
                break;
            }

            chosen.Add(segment.Id);
            surplus -= segment.End - segment.Begin - live.GetValueOrDefault(segment.Id);
            read += live.ContainsKey(segment.Id) ? segment.End - segment.Begin : 0;
        }

        return chosen;
    }

    // What a block needs beside its record are pieces of bodies that lie before it.
    private void AddLive(StoredBlock block, Dictionary<long, long> live)
    {
        long[] segments = [.. SegmentsOf(block)];
        foreach (long segment in segments)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(live, segment, out _) += block.LiveBytes / segments.Length;
        }
    }

    private IEnumerable<long> SegmentsOf(StoredBlock block)
    {
        IAppendLog cold = store.Journal.Cold;
        long last = cold.SegmentOf(block.Address);
        long first = Math.Min(last, cold.SegmentOf(Math.Max(0, block.Address - block.LengthBytes)));
        for (long segment = first; segment <= last; segment++)
        {
            yield return segment;
        }
    }

    private static double ShareOf(SegmentInfo segment, Dictionary<long, long> live)
        => (double)live.GetValueOrDefault(segment.Id) / Math.Max(1, segment.End - segment.Begin);

    // What is written as one block must be what follows one another after a restart too: no other block's messages lie between.
    private async ValueTask RewriteAsync(IEnumerable<ColdBlock> level, HashSet<long> sparse, CancellationToken cancellationToken)
    {
        StoredId last = default;
        foreach (ColdBlock block in level)
        {
            bool moves = SegmentsOf(block.Block).Any(sparse.Contains) && block.Block.LiveCount > 0;
            bool follows = block.Block.IsTransient || block.Descriptor.First.CompareTo(last) > 0;
            if (!moves || !follows)
            {
                EndGroup();
            }

            last = block.Descriptor.Last.CompareTo(last) > 0 ? block.Descriptor.Last : last;
            if (moves)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Rewrite(block.Block);
                if (!store.Journal.Cold.HasRoom)
                {
                    await store.Journal.Cold.WaitForRoomAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }

        EndGroup();
    }

    private void Rewrite(StoredBlock block)
    {
        List<ReadBlockMessage> messages = [];
        ReadOrLeaveAlone(SegmentsOf(block), () =>
        {
            _reader.Read(block, 0, block.Count, messages);
            return messages;
        });
        int mostBytes = messages.Sum(message => _appender.MostLengthOf(message.Message));
        int most = Math.Min(MostBlockBytes, _appender.MostUsualBytes);
        if (_group.Count > 0 && (_appender.Count + messages.Count > StoredBlock.MaxCount || _appender.Length + mostBytes > most))
        {
            EndGroup();
        }

        if (messages.Count == 0)
        {
            return; // settled beside this
        }

        if (_group.Count == 0)
        {
            _appender.Begin(block.QueueId, block.Level);
        }

        _group.Add((block, _appender.Count, [.. messages.Select(static message => (ushort)message.Index)]));
        foreach (ReadBlockMessage message in messages)
        {
            if (!_appender.TryAdd(message.Entry, message.Message, int.MaxValue))
            {
                throw new InvalidOperationException($"What is left of the block at {block.Address} does not fit into a block. This is a defect of the broker.");
            }
        }
    }

    // One that cannot be read ends this pass. It must not end the next in the same place, for what that had written by then would be rubbish each time.
    private T ReadOrLeaveAlone<T>(IEnumerable<long> segments, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (JournalException) when (store.Journal.State is JournalState.Open or JournalState.LowSpace)
        {
            _unreadable.UnionWith(segments);
            throw;
        }
    }

    private void EndGroup()
    {
        if (_group.Count > 0)
        {
            ColdBlock added = _appender.Append(_group[0].Block.IsTransient);
            _written.Add((added, [.. _group.Select(part => (part.Block, new BlockMove(added.Block, part.FirstIndex, part.Indexes)))]));
            _group.Clear();
        }
    }
}
