using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <content>What moves from the journal into blocks.</content>
internal sealed partial class ReadyList
{
    // Bounds one hold of the gate; a pass goes on behind.
    private const int MostExamined = 4 * AwayRun.MaxCount;

    // Counts how often messages went away that may have come back before: what was collected of a run is then not where it was.
    private int _headCuts;

    /// <summary>Finds a run of entries of the journal that is to move.</summary>
    /// <param name="pass">How far the pass is; it goes on.</param>
    internal Evacuation? CollectAway(EvacuationPass pass)
    {
        if (_away is null)
        {
            return null;
        }

        // There may be ten thousand runs. What came to the front since the last look is looked at again.
        AwayRun? last = pass.LastRun?.Owner == _away && pass.HeadCuts == _headCuts ? pass.LastRun : null;
        pass.HeadCuts = _headCuts;
        for (AwayRun? run = last is null ? _away.First : last.Next; run is not null; run = run.Next)
        {
            if (run.LowestStoredAt < pass.Below)
            {
                return Evacuation.Of(pass.Level, run, _headCuts);
            }

            pass.LastRun = run;
        }

        return null;
    }

    /// <summary>Finds messages in memory that are to move.</summary>
    /// <param name="pass">How far the pass is; it goes on.</param>
    /// <param name="into">Takes the messages, at most as many as fit into a block.</param>
    /// <returns>Whether everything has been looked at.</returns>
    internal bool CollectResident(EvacuationPass pass, List<QueueEntry> into)
    {
        if (_returned is not null)
        {
            foreach ((QueueEntry entry, _) in _returned.UnorderedItems)
            {
                if (pass.Takes(entry))
                {
                    if (into.Count >= AwayRun.MaxCount)
                    {
                        return false;
                    }

                    into.Add(entry);
                }
            }
        }

        if (!CollectOf(_head, pass, into))
        {
            return false;
        }

        // A block is of messages that follow one another: what lies before the messages on disk goes apart from what lies behind them.
        return _tail is null || ((into.Count == 0 || _away is not { Count: > 0 }) && CollectOf(_tail, pass, into));
    }

    /// <summary>Puts a block in the place of a run of entries of the journal, as far as they still are away.</summary>
    /// <param name="evacuation">The run, as it was.</param>
    /// <param name="block">The block.</param>
    /// <param name="awayCount">How many of the run were still away. They are its last ones, and have moved.</param>
    /// <returns><see langword="false"/> when they cannot be told apart any more; then nothing has been changed.</returns>
    internal bool TryReplaceRun(Evacuation evacuation, StoredBlock block, out int awayCount)
    {
        awayCount = 0;
        if (evacuation.HeadCuts != _headCuts)
        {
            return false;
        }

        AwayRun run = evacuation.Run!;
        int end = evacuation.Start + evacuation.Count;
        if (_away is null || run.Owner != _away || run.Start >= end)
        {
            return true; // all of them have come back, or were purged
        }

        ReadOnlySpan<AwayEntry> still = run.Entries.AsSpan(run.Start, end - run.Start);
        awayCount = still.Length;
        long bodyBytes = 0;
        foreach (ref readonly AwayEntry entry in still)
        {
            bodyBytes += entry.BodyBytes;
        }

        AwayRun moved = AwayRun.Of(block, evacuation.Count - awayCount, evacuation.Count, bodyBytes);
        moved.FirstSequence = run.FirstSequence;
        AwayRun? next = run.Next;
        _away.InsertBefore(run, moved);
        _away.Remove(run);
        if (run.End > end)
        {
            AwayRun rest = AwayRun.Of(run.Entries.AsSpan(end, run.End - end)); // came after it was collected
            rest.FirstSequence = run.FirstSequence + (ulong)awayCount;
            _away.InsertBefore(next, rest);
        }

        return true;
    }

    /// <summary>Gives the messages in memory that came back from a run.</summary>
    /// <param name="evacuation">The run, as it was.</param>
    /// <param name="into">Takes them, in no order.</param>
    internal void CollectReturnedFrom(Evacuation evacuation, List<QueueEntry> into)
    {
        if (_returned is not null)
        {
            foreach ((QueueEntry entry, _) in _returned.UnorderedItems)
            {
                into.Add(entry);
            }
        }

        ulong end = evacuation.FirstSequence + (ulong)evacuation.Count;
        foreach (QueueEntry entry in _head)
        {
            if (entry.Sequence >= end)
            {
                break;
            }

            into.Add(entry);
        }
    }

    private static bool CollectOf(SegmentedQueue<QueueEntry> list, EvacuationPass pass, List<QueueEntry> into)
    {
        int examined = 0;
        foreach (QueueEntry entry in list.After(pass.Position, static entry => entry.Sequence))
        {
            if (into.Count >= AwayRun.MaxCount || examined == MostExamined)
            {
                return false;
            }

            examined++;
            pass.Position = entry.Sequence;
            if (pass.Takes(entry))
            {
                into.Add(entry);
            }
        }

        return true;
    }
}
