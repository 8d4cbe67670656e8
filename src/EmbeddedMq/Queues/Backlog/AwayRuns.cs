using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>The part of a level that is only on disk: runs in order, between what is in memory at the head and what is in memory at the tail.</summary>
/// <remarks>Guarded by the queue's gate.</remarks>
internal sealed class AwayRuns
{
    /// <summary>The first run.</summary>
    internal AwayRun? First { get; private set; }

    /// <summary>The last run.</summary>
    internal AwayRun? Last { get; private set; }

    /// <summary>How many messages there are.</summary>
    internal int Count { get; private set; }

    /// <summary>Bytes of their bodies.</summary>
    internal long BodyBytes { get; private set; }

    /// <summary>Adds a message at the end.</summary>
    /// <param name="entry">The message, ready.</param>
    /// <param name="away">What stands for it, when it is not in a block.</param>
    internal void Append(QueueEntry entry, in AwayEntry away)
    {
        if (Last is null || !Last.CanAppend(entry.Block, entry.BlockIndex))
        {
            AddLast(AwayRun.For(entry.Block, entry.BlockIndex, growsBackwards: false));
            Last!.FirstSequence = entry.Sequence;
        }

        if (entry.Block is null)
        {
            Last.Append(away);
        }
        else
        {
            Last.AppendOfBlock(entry.BlockIndex, entry.BodyBytes);
        }

        Count++;
        BodyBytes += entry.BodyBytes;
    }

    /// <summary>Puts a message back before all others.</summary>
    /// <param name="entry">The message, ready.</param>
    /// <param name="away">What stands for it, when it is not in a block.</param>
    internal void Prepend(QueueEntry entry, in AwayEntry away)
    {
        if (First is null || !First.CanPrepend(entry.Block, entry.BlockIndex))
        {
            InsertBefore(First, AwayRun.For(entry.Block, entry.BlockIndex, growsBackwards: true));
        }

        First!.FirstSequence = entry.Sequence;
        if (entry.Block is null)
        {
            First.Prepend(away);
        }
        else
        {
            First.PrependOfBlock(entry.BlockIndex, entry.BodyBytes);
        }

        Count++;
        BodyBytes += entry.BodyBytes;
    }

    /// <summary>Adds a run at the end.</summary>
    /// <param name="run">The run; of nothing else.</param>
    internal void AddLast(AwayRun run)
    {
        run.Owner = this;
        run.Previous = Last;
        if (Last is null)
        {
            First = run;
        }
        else
        {
            Last.Next = run;
        }

        Last = run;
        Add(run, 1);
    }

    /// <summary>Puts a run before another.</summary>
    /// <param name="next">The other; <see langword="null"/>: at the end.</param>
    /// <param name="run">The run.</param>
    internal void InsertBefore(AwayRun? next, AwayRun run)
    {
        if (next is null)
        {
            AddLast(run);
            return;
        }

        run.Owner = this;
        run.Next = next;
        run.Previous = next.Previous;
        next.Previous = run;
        if (run.Previous is null)
        {
            First = run;
        }
        else
        {
            run.Previous.Next = run;
        }

        Add(run, 1);
    }

    /// <summary>Removes a run and what it still holds.</summary>
    /// <param name="run">The run.</param>
    internal void Remove(AwayRun run)
    {
        if (run.Previous is null)
        {
            First = run.Next;
        }
        else
        {
            run.Previous.Next = run.Next;
        }

        if (run.Next is null)
        {
            Last = run.Previous;
        }
        else
        {
            run.Next.Previous = run.Previous;
        }

        run.Next = null;
        run.Previous = null;
        run.Owner = null;
        Add(run, -1);
    }

    /// <summary>Removes messages at the start of the first run, because they are in memory again.</summary>
    /// <param name="start">The index of the first that stays in the run.</param>
    /// <param name="count">How many go.</param>
    /// <param name="bodyBytes">Bytes of their bodies.</param>
    /// <returns>By how much the bytes were estimated too low, once the run is used up and that is known.</returns>
    internal long Advance(int start, int count, long bodyBytes)
    {
        AwayRun run = First!;
        run.Advance(start, count, bodyBytes);
        Count -= count;
        BodyBytes -= bodyBytes;
        if (run.Count > 0)
        {
            return 0;
        }

        long estimatedTooLow = -run.BodyBytes;
        Remove(run);
        return estimatedTooLow;
    }

    private void Add(AwayRun run, int sign)
    {
        Count += sign * run.Count;
        BodyBytes += sign * run.BodyBytes;
    }
}
