using System.Runtime.InteropServices;
using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.Storage.Recovery;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Puts what a restart finds of one queue into the order in which it was published, as runs that are on disk.</summary>
/// <remarks>For one thread. Most blocks follow one another and stay whole. A block is taken apart only if others, or messages of the journal, lie between
/// its own: a message that waited for room, say, was stored long before it came into the queue.</remarks>
/// <param name="journal">The journal.</param>
internal sealed class RecoveredRuns(IJournal journal)
{
    private readonly SortedDictionary<byte, Level> _levels = [];

    /// <summary>Adds a block.</summary>
    /// <param name="block">The block, of which something is alive.</param>
    internal void Add(RecoveredBlock block) => LevelOf(block.Block.Level).Blocks.Add(block);

    /// <summary>Adds a message of the journal.</summary>
    /// <param name="level">Its level.</param>
    /// <param name="entry">The message; its id is above those of all that were added before.</param>
    internal void Add(byte level, in AwayEntry entry) => LevelOf(level).Entries.Add(entry);

    /// <summary>The runs of each level, in order.</summary>
    /// <exception cref="JournalException">A block that has to be looked into is damaged.</exception>
    internal IEnumerable<(byte Level, IReadOnlyCollection<AwayRun> Runs)> Build()
    {
        foreach ((byte number, Level level) in _levels)
        {
            yield return (number, Build(level));
        }
    }

    private List<AwayRun> Build(Level level)
    {
        level.Blocks.Sort(static (left, right) => left.Descriptor.First.CompareTo(right.Descriptor.First));
        ulong firstOfJournal = level.Entries.Count > 0 ? level.Entries[0].StoredAt : ulong.MaxValue;
        List<AwayRun> runs = [];
        List<RecoveredBlock> group = []; // blocks among whose messages others lie
        ulong last = 0;
        foreach (RecoveredBlock block in level.Blocks)
        {
            if (group.Count > 0 && block.Descriptor.First.Value >= last && last < firstOfJournal)
            {
                Add(group, [], runs);
                group = [];
            }

            group.Add(block);
            last = Math.Max(last, block.Descriptor.Last.Value);
        }

        if (last < firstOfJournal)
        {
            Add(group, [], runs);
            group = [];
        }

        Add(group, level.Entries, runs);
        return runs;
    }

    private void Add(List<RecoveredBlock> group, List<AwayEntry> entries, List<AwayRun> runs)
    {
        if (group.Count == 1 && entries.Count == 0)
        {
            runs.Add(AwayRun.Of(group[0].Block, 0, group[0].Block.Count, MeanBytes(group[0], group[0].Block.LiveCount)));
        }
        else
        {
            AddInOrder(group, entries, runs);
        }
    }

    // Message by message.
    private void AddInOrder(List<RecoveredBlock> blocks, List<AwayEntry> entries, List<AwayRun> runs)
    {
        List<(ulong Id, RecoveredBlock Block, int Index)> inBlocks = [];
        foreach (RecoveredBlock block in blocks)
        {
            AddLive(block, inBlocks);
        }

        inBlocks.Sort(static (left, right) => left.Id.CompareTo(right.Id));
        int nextEntry = 0;
        for (int i = 0; i < inBlocks.Count;)
        {
            (ulong id, RecoveredBlock block, int index) = inBlocks[i];
            int before = nextEntry;
            while (nextEntry < entries.Count && entries[nextEntry].StoredAt < id)
            {
                nextEntry++;
            }

            AddEntries(CollectionsMarshal.AsSpan(entries)[before..nextEntry], runs);
            ulong nextOfJournal = nextEntry < entries.Count ? entries[nextEntry].StoredAt : ulong.MaxValue;
            int end = index + 1;
            int count = 1;
            for (i++; i < inBlocks.Count && inBlocks[i].Block == block && inBlocks[i].Index >= end && inBlocks[i].Id < nextOfJournal; i++)
            {
                // What lies between two of a block and is not alive is passed over when the run is read.
                if (HasLive(block.Block, end, inBlocks[i].Index))
                {
                    break;
                }

                end = inBlocks[i].Index + 1;
                count++;
            }

            runs.Add(AwayRun.Of(block.Block, index, end, MeanBytes(block, count)));
        }

        AddEntries(CollectionsMarshal.AsSpan(entries)[nextEntry..], runs);
    }

    private static bool HasLive(StoredBlock block, int start, int end) => AwayRun.CountLive(block, start, end) > 0;

    private static long MeanBytes(RecoveredBlock block, int count) => block.Block.BodyBytes * count / block.Block.Count;

    private void AddLive(RecoveredBlock block, List<(ulong Id, RecoveredBlock Block, int Index)> into)
    {
        StoredRecord record = journal.Cold.Read(block.Block.Address);
        try
        {
            foreach (BlockMessageView message in new QueueBlockReader(record.Body.Span))
            {
                if (!block.Block.IsSettled(message.Index))
                {
                    into.Add((message.Entry.Id.Value, block, message.Index));
                }
            }
        }
        catch (RecordFormatException error)
        {
            throw MqErrors.RecordNotUnderstood(block.Block.Address, record.Kind, error);
        }
    }

    private static void AddEntries(ReadOnlySpan<AwayEntry> entries, List<AwayRun> runs)
    {
        int start = 0;
        long bodyBytes = 0;
        for (int i = 0; i < entries.Length; i++)
        {
            bodyBytes += entries[i].BodyBytes;
            if (i + 1 == entries.Length || i + 1 - start == AwayRun.MaxCount || bodyBytes >= AwayRun.MaxBodyBytes)
            {
                runs.Add(AwayRun.Of(entries[start..(i + 1)]));
                start = i + 1;
                bodyBytes = 0;
            }
        }
    }

    private Level LevelOf(byte number)
    {
        if (!_levels.TryGetValue(number, out Level? level))
        {
            _levels.Add(number, level = new Level());
        }

        return level;
    }

    private sealed class Level
    {
        internal List<RecoveredBlock> Blocks { get; } = [];

        internal List<AwayEntry> Entries { get; } = [];
    }
}
