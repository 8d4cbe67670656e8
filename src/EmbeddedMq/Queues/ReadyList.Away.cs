using System.Diagnostics;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <content>What is on disk only, and how it goes there and comes back.</content>
internal sealed partial class ReadyList
{
    /// <summary>How many messages are on disk only.</summary>
    internal int AwayCount => _away?.Count ?? 0;

    /// <summary>How many are in memory at the head, but for those that were put back.</summary>
    internal int HeadCount => _head.Count;

    /// <summary>Bytes of the bodies of those on disk only.</summary>
    internal long AwayBytes => _away?.BodyBytes ?? 0;

    /// <summary>Whether the head has so little left that more should come.</summary>
    /// <param name="messages">What the head should have, in messages.</param>
    /// <param name="bytes">The same in bytes of bodies; either is enough.</param>
    internal bool NeedsPage(int messages, long bytes) => _away is not null && _head.Count < messages && (_headBytes < bytes || _head.Count == 0);

    /// <summary>Puts messages away: behind those that are away already, else from behind a window at the head; then from the end of the head.</summary>
    /// <param name="store">The store; it may refuse.</param>
    /// <param name="slice">How much.</param>
    /// <returns>How many went, and how many bytes of memory they had counted for.</returns>
    internal (int Count, long FreedBytes) PutAway(IBacklogStore store, in PageOut slice)
    {
        int count = 0;
        long freedBytes = 0;
        if (_away is null && !TrySplit(slice))
        {
            return (0, 0);
        }

        Debug.Assert(_away is not null && _tail is not null, "There are runs and a tail from the split on.");
        while (slice.Allows(count, freedBytes) && _tail.TryPeek(out QueueEntry? first) && TryPutAway(store, first, atEnd: true, ref freedBytes))
        {
            _tail.TryDequeue(out _);
            count++;
        }

        while (slice.Allows(count, freedBytes) && IsHeadBeyond(slice) && _head.TryPeekLast(out QueueEntry? last)
            && TryPutAway(store, last, atEnd: false, ref freedBytes))
        {
            _head.TryDequeueLast(out _);
            _headBytes -= last.BodyBytes;
            _headCuts++;
            count++;
        }

        if (_away.Count == 0)
        {
            Join();
        }

        return (count, freedBytes);
    }

    /// <summary>Puts runs behind all that there is; nothing may be in memory behind what is away already.</summary>
    /// <param name="runs">The runs, in order; of no other list.</param>
    /// <param name="firstSequence">The position of the first message; the others follow.</param>
    internal void Restore(IEnumerable<AwayRun> runs, ulong firstSequence)
    {
        if (_away is null)
        {
            Open();
        }

        if (_tail!.Count > 0)
        {
            throw new InvalidOperationException("Messages are restored behind messages that came later. This is a defect of the broker.");
        }

        foreach (AwayRun run in runs)
        {
            run.FirstSequence = firstSequence;
            firstSequence += (ulong)run.Count;
            if (run.Count > 0)
            {
                _away!.AddLast(run);
            }
        }

        if (_away!.Count == 0)
        {
            Join();
        }
    }

    /// <summary>Begins to bring the first of what is away back.</summary>
    /// <param name="level">The level of this list.</param>
    /// <param name="messages">Most messages.</param>
    /// <param name="bytes">Most bytes of bodies.</param>
    internal PageIn? BeginPageIn(int level, int messages, long bytes)
        => _away?.First is { } run ? new PageIn(level, run, run.FindPageEnd(messages, bytes)) : null;

    /// <summary>Whether a page still is the first of what is away, as it was when it was begun or last taken in.</summary>
    /// <param name="page">The page.</param>
    internal bool IsCurrent(PageIn page) => _away is not null && _away.First == page.Run && page.Run.Start == page.Start && page.Run.End >= page.End;

    /// <summary>Takes messages in that were read.</summary>
    /// <param name="page">The page, current and read.</param>
    /// <param name="most">Most messages.</param>
    /// <param name="estimatedTooLow">By how much the bytes of the bodies on disk turn out to have been counted too low.</param>
    /// <returns>The messages: they are in the list, with their positions, and have to be accounted for.</returns>
    internal ReadOnlySpan<QueueEntry> TakeIn(PageIn page, int most, out long estimatedTooLow)
    {
        int count = Math.Min(most, page.Entries.Count - page.TakenCount);
        ReadOnlySpan<QueueEntry> entries = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(page.Entries).Slice(page.TakenCount, count);
        ulong sequence = page.Run.FirstSequence;
        long bodyBytes = 0;
        foreach (QueueEntry entry in entries)
        {
            entry.Sequence = sequence++;
            entry.Priority = (byte)page.Level;
            bodyBytes += entry.BodyBytes;
            _head.Enqueue(entry);
        }

        page.TakenCount += count;
        page.Start = page.TakenCount == page.Entries.Count ? page.End
            : page.Run.Block is null ? page.Start + count
            : page.Entries[page.TakenCount].BlockIndex;
        _headBytes += bodyBytes;
        estimatedTooLow = _away!.Advance(page.Start, count, bodyBytes);
        if (_away.Count == 0)
        {
            Join();
        }

        return entries;
    }

    /// <summary>Gives up the first of what is away.</summary>
    /// <param name="bodyBytes">Bytes that its body is counted for.</param>
    /// <returns>Its run, and its index there.</returns>
    internal (AwayRun Run, int Index) DropAway(out long bodyBytes)
    {
        AwayRun run = _away!.First!;
        int index = run.Start;
        while (run.Block is { } block && block.IsSettled(index))
        {
            index++;
        }

        bodyBytes = run.Block is null ? run.Entries[index].BodyBytes : run.BodyBytes / run.Count;
        _away.Advance(index + 1, 1, bodyBytes);
        if (_away.Count == 0)
        {
            Join();
        }

        return (run, index);
    }

    /// <summary>Gives up what is away, and has the rest in memory in one piece again.</summary>
    /// <returns>The first run of what was away; the others are linked to it.</returns>
    internal AwayRun? TakeAway()
    {
        AwayRun? first = _away?.First;
        if (_away is not null)
        {
            Join();
        }

        return first;
    }

    private bool IsHeadBeyond(in PageOut slice)
        => _head.Count > slice.WindowMessages || (_headBytes > slice.WindowBytes && _head.Count > Math.Min(1, slice.WindowMessages));

    private bool TrySplit(in PageOut slice)
    {
        int stay = 0;
        long stayBytes = 0;
        foreach (QueueEntry entry in _head)
        {
            if (stay >= slice.WindowMessages || (stayBytes + entry.BodyBytes > slice.WindowBytes && stay > 0))
            {
                break;
            }

            stay++;
            stayBytes += entry.BodyBytes;
        }

        if (stay == _head.Count)
        {
            return false;
        }

        SegmentedQueue<QueueEntry> rest = _head.SplitAfter(stay);
        Open();
        _tail = rest;
        _headCuts++;
        return true;
    }

    private bool TryPutAway(IBacklogStore store, QueueEntry entry, bool atEnd, ref long freedBytes)
    {
        AwayEntry away = default;
        if (entry.Block is null && !store.TryPutAway(entry, out away))
        {
            return false;
        }

        entry.Move(EntryState.Ready, EntryState.Away);
        freedBytes += entry.MemoryBytes;
        if (atEnd)
        {
            _away!.Append(entry, away);
        }
        else
        {
            _away!.Prepend(entry, away);
        }

        return true;
    }

    private void Open()
    {
        _away = new AwayRuns();
        _tail = new SegmentedQueue<QueueEntry>();
        _headBytes = 0;
        foreach (QueueEntry entry in _head)
        {
            _headBytes += entry.BodyBytes;
        }
    }

    private void Join()
    {
        _head.Append(_tail!);
        _away = null;
        _tail = null;
    }
}
