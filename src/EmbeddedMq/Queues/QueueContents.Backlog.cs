using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Queues;

/// <content>What is ready and on disk only.</content>
internal sealed partial class QueueContents
{
    private readonly AcquiredEntries? _acquired = backlog is null ? null : new AcquiredEntries();
    private int _pageMessages = backlog?.Settings.FirstPageMessages ?? 0; // how many come next
    private int _lowMessages = backlog?.Settings.FirstPageMessages ?? 0;  // with fewer than these at the head, they come
    private volatile bool _isPageWanted;

    /// <summary>Whether messages should come back from disk. Read without the gate, right after leaving it.</summary>
    internal bool IsPageWanted => _isPageWanted;

    /// <summary>Why messages could not be read the last time, or <see langword="null"/>.</summary>
    internal string? ReadError { get; set; }

    /// <summary>What the ready messages in memory count for in the ledger. Read without the gate it may be a little old.</summary>
    internal long ResidentBytes => _ready.BodyBytes - _ready.AwayBytes + ((_ready.Count - _ready.AwayCount) * (long)QueueEntry.OverheadBytes);

    /// <summary>Whether the first ready message is on disk only.</summary>
    internal bool IsHeadAway => _ready.AwayCount > 0 && !_ready.TryPeek(out _);

    /// <summary>Notes that more should come back from disk, if that is so.</summary>
    internal void NotePageWanted() => _isPageWanted = _isPageWanted || _ready.NeedsPage(_lowMessages, backlog!.Settings.PageBytes);

    /// <summary>Puts ready messages away.</summary>
    /// <param name="store">The store.</param>
    /// <param name="slice">How much.</param>
    /// <returns>How many went.</returns>
    internal int PutAway(IBacklogStore store, in PageOut slice)
    {
        (int count, long freedBytes) = _ready.PutAway(store, slice);
        memory.Release(freedBytes);

        // What stays must be enough, or what went would come back at once: half of it may be used up before more comes.
        _pageMessages = backlog!.Settings.FirstPageMessages;
        _lowMessages = Math.Clamp(_ready.HeadCount / 2, 1, _pageMessages);
        NotePageWanted();
        return count;
    }

    /// <summary>Begins with messages that are on disk, behind those that are there already.</summary>
    /// <param name="level">Their level.</param>
    /// <param name="runs">The messages, in order.</param>
    internal void Restore(byte level, IReadOnlyCollection<AwayRun> runs)
    {
        int count = _ready.Restore(level, runs, _counters.LastSequence + 1);
        _counters.LastSequence += (ulong)count;
        _counters.Enqueued += count;
        NotePageWanted();
    }

    /// <summary>Begins to bring messages back, if some should come.</summary>
    internal PageIn? BeginPageIn()
    {
        _isPageWanted = false;
        return _ready.NeedsPage(_lowMessages, backlog!.Settings.PageBytes) ? _ready.BeginPageIn(_pageMessages, backlog.Settings.PageBytes) : null;
    }

    /// <summary>Whether a page still is what comes first on disk.</summary>
    /// <param name="page">The page.</param>
    internal bool IsCurrent(PageIn page) => _ready.IsCurrent(page);

    /// <summary>Takes messages in that were read.</summary>
    /// <param name="page">The page, current and read.</param>
    /// <param name="most">Most messages.</param>
    internal void TakeIn(PageIn page, int most)
    {
        long bytes = 0;
        foreach (QueueEntry entry in _ready.TakeIn(page, most))
        {
            entry.Move(EntryState.Waiting, EntryState.Ready);
            bytes += entry.MemoryBytes;
        }

        memory.Add(bytes);
        if (page.IsTaken)
        {
            ReadError = null;
            _pageMessages = Math.Min(_pageMessages * 2, backlog!.Settings.PageMessages);
            _lowMessages = _pageMessages;
            NotePageWanted();
        }
    }

    /// <inheritdoc cref="Queue.TryCollect"/>
    internal bool TryCollect(EvacuationPass pass, out Evacuation? evacuation)
    {
        evacuation = null;
        if (pass.Level >= _ready.LevelCount)
        {
            return false;
        }

        ReadyList? list = _ready.TryGetLevel(pass.Level);
        evacuation = list?.CollectAway(pass);
        if (evacuation is not null)
        {
            return true;
        }

        List<QueueEntry> entries = [];
        _acquired!.Collect(pass.Level, entries);
        entries.RemoveAll(entry => !pass.Takes(entry));
        bool isLast = list is null || list.CollectResident(pass, entries);
        if (entries.Count > 0)
        {
            QueueEntry[] chosen = [.. entries.DistinctBy(static entry => entry.Sequence).OrderBy(static entry => entry.Sequence).Take(StoredBlock.MaxCount)];
            isLast &= chosen.Length == entries.Count;
            evacuation = Evacuation.Of(pass.Level, chosen);
        }

        if (isLast)
        {
            pass.EndLevel();
        }

        return true;
    }

    /// <inheritdoc cref="Queue.StoreAgain"/>
    internal bool StoreAgain(EvacuationPass pass)
    {
        if (pass.Level >= _ready.LevelCount)
        {
            return false;
        }

        List<QueueEntry> entries = [];
        _acquired!.Collect(pass.Level, entries);
        entries.RemoveAll(entry => !pass.Takes(entry));
        bool isLast = _ready.TryGetLevel(pass.Level)?.CollectResident(pass, entries) ?? true;
        foreach (QueueEntry entry in entries.DistinctBy(static entry => entry.Sequence).OrderBy(static entry => entry.Sequence))
        {
            if (!stored!.HasRoom)
            {
                pass.Position = Math.Min(pass.Position, entry.Sequence - 1);
                return true; // to append it now might wait for the disk
            }

            long ttlMs = entry.ExpiresAtMs == QueueEntry.NoExpiry ? QueueRef.NoTtl : Math.Max(0, entry.ExpiresAtMs - clock.NowMs);
            if (!stored.StoreAgain(entry, ttlMs))
            {
                return false; // the disk has failed again, and all of this begins anew
            }
        }

        if (isLast)
        {
            pass.EndLevel();
        }

        return true;
    }

    /// <inheritdoc cref="Queue.Replace"/>
    internal bool TryReplace(Evacuation evacuation, StoredBlock block)
    {
        bool[] isThere = new bool[evacuation.Count];
        if (evacuation.Run is null)
        {
            for (int i = 0; i < isThere.Length; i++)
            {
                // One that was put away meanwhile stays in the journal for now, and moves with its run.
                isThere[i] = TryMove(evacuation, evacuation.Resident[i], block, i);
            }
        }
        else if (!TryReplaceAway(evacuation, block, isThere))
        {
            return false;
        }

        for (int i = 0; i < isThere.Length; i++)
        {
            // Settled already: in the block, by whoever settled it beside this; or in the journal, or soon.
            if (isThere[i] || block.Settle(i, evacuation.BodyBytes(i)) == -1)
            {
                evacuation.NoteMoved(i);
            }
        }

        return true;
    }

    // Those that came back meanwhile have the positions that follow from that of the first.
    private bool TryReplaceAway(Evacuation evacuation, StoredBlock block, bool[] isThere)
    {
        ReadyList? list = _ready.TryGetLevel(evacuation.Level);
        int awayCount = 0;
        if (list is not null && !list.TryReplaceRun(evacuation, block, out awayCount))
        {
            return false;
        }

        Array.Fill(isThere, true, evacuation.Count - awayCount, awayCount);
        List<QueueEntry> candidates = [];
        if (awayCount < evacuation.Count)
        {
            _acquired!.Collect(evacuation.Level, candidates);
            list?.CollectReturnedFrom(evacuation, candidates);
        }

        foreach (QueueEntry entry in candidates)
        {
            ulong index = entry.Sequence - evacuation.FirstSequence;
            if (index < (ulong)(evacuation.Count - awayCount) && entry.Block is null && entry.StoredAt == evacuation.StoredAt((int)index))
            {
                isThere[index] = TryMove(evacuation, entry, block, (int)index);
            }
        }

        return true;
    }

    // Of the level that delivers, of which nothing is in memory before it.
    private bool TryDropUnread()
    {
        if (ReadError is null || Settings.DeadLetters || _ready.TryDropAway() is not ({ } run, int index))
        {
            return false;
        }

        _counters.Dropped++;
        DiscardOf(run, index, index + 1);
        return true;
    }

    private bool TryMove(Evacuation evacuation, QueueEntry entry, StoredBlock block, int index)
    {
        if (entry is not { State: EntryState.Ready or EntryState.Acquired, Block: null } || !entry.MoveToBlock(block, index))
        {
            return false;
        }

        // What was noted of its deliveries names its old place, which the next checkpoint forgets.
        bool isHeld = Settings.DeliveryLimit is not null && entry.State == EntryState.Acquired;
        int failedDeliveries = entry.FailedDeliveries + (isHeld ? 1 : 0);
        if ((isHeld || entry.Redelivered) && evacuation.IsMarkStale(index, failedDeliveries))
        {
            stored?.Mark(entry, failedDeliveries);
        }

        return true;
    }

    // Outside the gate: no list of the queue holds them any more.
    private void DiscardAway(PriorityReadyList entries) => entries.GiveUpAway(run => DiscardOf(run, run.Start, run.End));

    private void DiscardOf(AwayRun run, int start, int end)
    {
        if (run.Block is { } block)
        {
            backlog!.Store.Discard(block, start, end, stored);
        }
        else
        {
            backlog!.Store.Discard(run.Entries.AsSpan(start, end - start), stored);
        }
    }
}
