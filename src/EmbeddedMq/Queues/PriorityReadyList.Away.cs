using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <content>What is on disk only.</content>
internal sealed partial class PriorityReadyList
{
    /// <summary>How many of the ready messages are on disk only.</summary>
    internal int AwayCount { get; private set; }

    /// <summary>Bytes of their bodies.</summary>
    internal long AwayBytes
    {
        get
        {
            long bytes = 0;
            for (int i = 0; i < LevelCount; i++)
            {
                bytes += LevelAt(i)?.AwayBytes ?? 0;
            }

            return bytes;
        }
    }

    /// <summary>How many messages the level that delivers has in memory at its head, but for those that were put back.</summary>
    internal int HeadCount => Count == 0 ? 0 : LevelAt(Highest())!.HeadCount;

    /// <summary>Whether the level that delivers has so little in memory that more should come. Lower levels wait for their turn.</summary>
    /// <param name="messages">What its head should have, in messages.</param>
    /// <param name="bytes">The same in bytes of bodies; either is enough.</param>
    internal bool NeedsPage(int messages, long bytes) => AwayCount > 0 && LevelAt(Highest())!.NeedsPage(messages, bytes);

    /// <summary>Puts messages away, of the lowest level first; only the level that delivers keeps the whole window in memory.</summary>
    /// <param name="store">The store; it may refuse.</param>
    /// <param name="slice">How much.</param>
    /// <returns>How many went, and how many bytes of memory that makes free.</returns>
    internal (int Count, long FreedBytes) PutAway(IBacklogStore store, in PageOut slice)
    {
        if (Count == 0)
        {
            return (0, 0);
        }

        int highest = Highest();
        (int Count, long FreedBytes) total = default;
        for (int i = 0; i <= highest && slice.Allows(total.Count, total.FreedBytes); i++)
        {
            if (LevelAt(i) is { Count: > 0 } level)
            {
                PageOut part = slice with
                {
                    Messages = slice.Messages - total.Count,
                    Bytes = slice.Bytes - total.FreedBytes,
                    WindowMessages = i == highest ? slice.WindowMessages : slice.WindowMessages / 8,
                };
                (int count, long freedBytes) = level.PutAway(store, part);
                total = (total.Count + count, total.FreedBytes + freedBytes);
            }
        }

        AwayCount += total.Count;
        return total;
    }

    /// <summary>Puts runs of messages that are on disk behind all others of a level.</summary>
    /// <param name="level">The level.</param>
    /// <param name="runs">The runs, in order.</param>
    /// <param name="firstSequence">The position of the first message; the others follow.</param>
    /// <returns>How many messages there are.</returns>
    internal int Restore(int level, IReadOnlyCollection<AwayRun> runs, ulong firstSequence)
    {
        int count = runs.Sum(static run => run.Count);
        if (count > 0)
        {
            BodyBytes += runs.Where(static run => run.Count > 0).Sum(static run => run.BodyBytes);
            (LevelAt(level) ??= new ReadyList()).Restore(runs, firstSequence);
            Count += count;
            AwayCount += count;
            MarksOf(level) |= 1UL << (level % 64);
        }

        return count;
    }

    /// <summary>Begins to bring messages of the level that delivers back, if some are away.</summary>
    /// <param name="messages">Most messages.</param>
    /// <param name="bytes">Most bytes of bodies.</param>
    internal PageIn? BeginPageIn(int messages, long bytes)
    {
        if (AwayCount == 0)
        {
            return null;
        }

        int level = Highest();
        return LevelAt(level)!.BeginPageIn(level, messages, bytes);
    }

    /// <summary>Whether a page still is what comes first on disk in its level.</summary>
    /// <param name="page">The page.</param>
    internal bool IsCurrent(PageIn page) => LevelCount > page.Level && LevelAt(page.Level) is { } level && level.IsCurrent(page);

    /// <summary>Takes messages in that were read.</summary>
    /// <param name="page">The page, current and read.</param>
    /// <param name="most">Most messages.</param>
    /// <returns>The messages: they are in the list, and have to be accounted for.</returns>
    internal ReadOnlySpan<QueueEntry> TakeIn(PageIn page, int most)
    {
        ReadOnlySpan<QueueEntry> entries = LevelAt(page.Level)!.TakeIn(page, most, out long estimatedTooLow);
        AwayCount -= entries.Length;
        BodyBytes += estimatedTooLow;
        return entries;
    }

    /// <summary>Gives up the first of what is away of the level that delivers, if nothing of that level is in memory before it.</summary>
    /// <returns>Its run, and its index there; <see langword="null"/> when there is none.</returns>
    internal (AwayRun Run, int Index)? TryDropAway()
    {
        if (AwayCount == 0 || TryPeek(out _))
        {
            return null;
        }

        int level = Highest();
        ReadyList list = LevelAt(level)!;
        (AwayRun Run, int Index) dropped = list.DropAway(out long bodyBytes);
        Count--;
        AwayCount--;
        BodyBytes -= bodyBytes;
        if (list.Count == 0)
        {
            MarksOf(level) &= ~(1UL << (level % 64));
        }

        return dropped;
    }

    /// <summary>Gives up what is away: it is counted no more, and the rest can be taken.</summary>
    /// <param name="gone">Called for each run.</param>
    internal void GiveUpAway(Action<AwayRun> gone)
    {
        if (AwayCount == 0)
        {
            return;
        }

        for (int i = 0; i < LevelCount; i++)
        {
            AwayRun? next = LevelAt(i)?.TakeAway();
            while (next is { } run)
            {
                next = run.Next;
                Count -= run.Count;
                BodyBytes -= run.BodyBytes;
                gone(run);
            }

            if (LevelAt(i) is null or { Count: 0 })
            {
                MarksOf(i) &= ~(1UL << (i % 64));
            }
        }

        AwayCount = 0;
    }

    /// <summary>The list of a level, if it ever held anything; <see langword="null"/> beyond the highest level too.</summary>
    /// <param name="level">The level.</param>
    internal ReadyList? TryGetLevel(int level) => level < LevelCount ? LevelAt(level) : null;

    /// <summary>How many levels there are.</summary>
    internal int LevelCount => maxPriority + 1;
}
