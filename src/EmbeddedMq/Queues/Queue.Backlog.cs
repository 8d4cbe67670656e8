using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Queues;

/// <content>Messages that are on disk only: the pager takes them there and back.</content>
internal sealed partial class Queue
{
    private const int MostEvacuationFailures = 8;

    private readonly BacklogPager? _backlog;
    private TaskCompletionSource? _arrival; // for gets that wait for a head on disk; written under _gate
    private bool _isWaitingHeld;            // some of those that wait have moved, others not; guarded by _gate
    private int _isPageRequested;           // interlocked; the pager's mark that it knows of the request

    /// <summary>Bytes that ready messages in memory count for. Read without the gate: it may be a little old.</summary>
    internal long ResidentBytes => _contents.ResidentBytes;

    /// <summary>Whether messages should come back from disk. Read without the gate.</summary>
    internal bool IsPageWanted => _contents.IsPageWanted;

    /// <summary>Begins with messages that are on disk, as a recovery found them. Before anybody else knows the queue.</summary>
    /// <param name="level">Their level, 0 to the queue's highest.</param>
    /// <param name="runs">The messages, in order; called again for the same level, behind the earlier ones.</param>
    /// <exception cref="InvalidOperationException">The queue has no disk behind it.</exception>
    internal void RestoreAway(byte level, IReadOnlyCollection<AwayRun> runs)
    {
        if (_backlog is null)
        {
            throw new InvalidOperationException($"Queue '{Name}' has no disk behind it that messages could be on. This is a defect of the broker.");
        }

        using (_gate.Enter())
        {
            _contents.Restore(level, runs);
        }
    }

    /// <summary>Goes on after all levels of all queues have been restored: only now it is known which message is the head, and what dies there finds
    /// the queues that it goes to complete.</summary>
    internal void EndRestore() => LeaveGate();

    /// <summary>Marks a request for messages from disk, until <see cref="TryBeginPageIn"/>.</summary>
    /// <returns>Whether there was none yet.</returns>
    internal bool TryMarkPageRequest() => Interlocked.Exchange(ref _isPageRequested, 1) == 0;

    /// <summary>Begins to bring messages back, if some should come.</summary>
    internal PageIn? TryBeginPageIn()
    {
        Interlocked.Exchange(ref _isPageRequested, 0);
        using (_gate.Enter())
        {
            return _contents.BeginPageIn();
        }
    }

    /// <summary>Takes messages in that were read, as many as one hold of the gate may take, and lets go on what waited for them.</summary>
    /// <param name="page">The page, read.</param>
    /// <returns>Whether there is more to take.</returns>
    internal bool TakeIn(PageIn page)
    {
        using (_gate.Enter())
        {
            if (!_contents.IsCurrent(page))
            {
                // Purged, deleted, or moved into a block while it was read.
                _contents.NotePageWanted();
                page.Abandon();
            }
            else
            {
                _contents.TakeIn(page, _backlog!.Settings.SliceMessages);
                _contents.DropExcess();
                Dispatch_NeedsGate();
            }
        }

        LeaveGate();
        return !page.IsTaken;
    }

    /// <summary>Notes that messages could not be read. They stay where they are.</summary>
    /// <param name="page">The page.</param>
    /// <param name="error">Why.</param>
    /// <returns><see langword="false"/> when they are not wanted there any more, and so the failure means nothing.</returns>
    internal bool NoteReadError(PageIn page, Exception error)
    {
        using (_gate.Enter())
        {
            if (!_contents.IsCurrent(page))
            {
                return false;
            }

            _contents.ReadError = error.Message;
            if (_contents.DropExcess())
            {
                Dispatch_NeedsGate(); // what follows may be in memory
            }
        }

        LeaveGate();
        return true;
    }

    /// <summary>Tells those who wait for messages that could not be read, and are tried again later.</summary>
    internal void EndWaiting() => EndArrivals(isUnreadable: true);

    /// <summary>Puts ready messages away, as many as one hold of the gate may take.</summary>
    /// <param name="slice">How much.</param>
    /// <returns>How many went.</returns>
    internal int PutAway(in PageOut slice)
    {
        int count;
        using (_gate.Enter())
        {
            count = _contents.PutAway(_backlog!.Store, slice);
        }

        LeaveGate();
        return count;
    }

    /// <summary>Moves messages from the journal into blocks: those in memory, on disk only, and handed over. One caller at a time, and beside it who
    /// deletes the queue.</summary>
    /// <param name="below">Messages with ids below this move; others that lie between them may move too.</param>
    /// <param name="target">Writes the blocks.</param>
    /// <returns><see langword="false"/> when some could not be moved, because they were on their way; try again later.</returns>
    /// <remarks>
    /// Three steps, as often as needed: collect up to 4,096 messages under the gate; write them outside; put the block in their place under the
    /// gate. It finds what is in the queue while it runs. A message whose publish has been stored and has not come in yet stays where it is, and
    /// so does one that is dying (its death is on the way to another queue): the journal's own count of what it holds says when a part of it may go.
    /// </remarks>
    internal bool Evacuate(ulong below, IEvacuationTarget target)
    {
        EvacuationPass pass = new(below);
        int failures = 0;
        while (TryCollect(pass, out Evacuation? evacuation))
        {
            if (evacuation is null)
            {
                continue;
            }

            int collected = evacuation.Count;
            StoredBlock block = target.Write(evacuation);
            if (evacuation.Count < collected)
            {
                pass.GoBackTo(evacuation);
            }

            if (Replace(evacuation, block))
            {
                target.Complete(evacuation, block);
                continue;
            }

            target.Abandon(block);
            if (++failures == MostEvacuationFailures)
            {
                return false;
            }
        }

        return failures == 0;
    }

    /// <summary>Finds messages that are to move.</summary>
    /// <param name="pass">How far the pass is; it goes on.</param>
    /// <param name="evacuation">The messages; none if there were none among those looked at.</param>
    /// <returns><see langword="false"/> when the pass is at its end.</returns>
    internal bool TryCollect(EvacuationPass pass, out Evacuation? evacuation)
    {
        using (_gate.Enter())
        {
            return _contents.TryCollect(pass, out evacuation);
        }
    }

    /// <summary>Appends messages to the journal once more that it has lost, or could not take: of those in memory, ready, handed over or dying, as
    /// many as one hold of the gate may look at, and the journal has room for.</summary>
    /// <param name="pass">How far the pass is, and which they are; it goes on.</param>
    /// <returns><see langword="false"/> when the pass is at its end, or the journal has failed; else to be called again when there is room.</returns>
    internal bool StoreAgain(EvacuationPass pass)
    {
        using (_gate.Enter())
        {
            if (Stored is null)
            {
                return false;
            }

            // Of those that come in meanwhile some come behind what has been looked at.
            pass.Waiting ??= [.. _admission.Waiting];
            if (_contents.StoreAgain(pass))
            {
                return true;
            }

            // Behind what is in the queue: their ids are their order after a restart.
            foreach (QueueEntry waiting in pass.Waiting.Concat(_admission.Waiting).Where(entry => entry.State != EntryState.Settled && pass.Takes(entry)))
            {
                if (!Stored.HasRoom)
                {
                    return true;
                }

                if (!Stored.StoreAgain(waiting, RefTtlMs(waiting)))
                {
                    return false;
                }
            }

            // What takes them elsewhere is appended later, and until it is written they are nowhere else.
            foreach (QueueEntry dead in _aftermath.Dead.Where(pass.Takes))
            {
                if (!Stored.HasRoom)
                {
                    return true;
                }

                if (!Stored.TryStoreDeadAgain(dead, RefTtlMs(dead)))
                {
                    return false;
                }
            }

            return false;
        }
    }

    /// <summary>Stores messages that wait for room in the queue at the end of the journal, if they lie at its beginning: nobody knows how long they wait.
    /// As many as the journal has room for.</summary>
    /// <param name="below">They move if their ids are below this. Those behind them in the line move too: their ids are their order after a restart.</param>
    /// <returns>Whether there are more, to be moved when there is room; until then nobody comes in, because those that have moved would come in before those
    /// that have not, which are before them after a restart. <see cref="EndMoveWaiting"/> follows where it is not called again.</returns>
    internal bool MoveWaiting(ulong below)
    {
        using (_gate.Enter())
        {
            if (TryMoveWaiting_NeedsGate(below))
            {
                _isWaitingHeld = true;
                return true;
            }
        }

        EndMoveWaiting();
        return false;
    }

    /// <summary>Lets those come in that were held by <see cref="MoveWaiting"/>.</summary>
    internal void EndMoveWaiting()
    {
        using (_gate.Enter())
        {
            if (!_isWaitingHeld)
            {
                return;
            }

            _isWaitingHeld = false;
            MoveUp_NeedsGate();
        }

        LeaveGate();
    }

    private bool TryMoveWaiting_NeedsGate(ulong below)
    {
        if (Stored is not { IsDeleted: false } stored)
        {
            return false;
        }

        ulong highest = below;
        foreach (QueueEntry waiting in _admission.Waiting.Where(static waiting => waiting.IsStored))
        {
            if (waiting.StoredAt < highest)
            {
                if (!stored.HasRoom)
                {
                    return true;
                }

                if (!stored.TryStoreLater(waiting, RefTtlMs(waiting)))
                {
                    return false;
                }
            }

            highest = waiting.StoredAt;
        }

        return false;
    }

    // Of one that waits still, from when it comes in.
    private long RefTtlMs(QueueEntry entry)
    {
        long ttlMs = entry.ExpiresAtMs == QueueEntry.NoExpiry ? TimeToLiveMs(entry.Message) : Math.Max(0, entry.ExpiresAtMs - _scheduler.Clock.NowMs);
        return ttlMs == QueueEntry.NoExpiry ? QueueRef.NoTtl : ttlMs;
    }

    /// <summary>Puts a block in the place of messages. Each of them is found to be one of these: it still waits or is handed over, and from here on is in
    /// the block; or it has been settled, and is called settled in the block too.</summary>
    /// <param name="evacuation">The messages; it knows afterwards which of them have moved.</param>
    /// <param name="block">The block: the same messages in the same order.</param>
    /// <returns><see langword="false"/> when the messages cannot be found any more where they were, because they were put away meanwhile; then
    /// nothing has been changed, and the block is of no use.</returns>
    /// <remarks>Beside it messages are settled without the gate. Whoever does that marks the entry as settled (<see cref="QueueEntry.Move"/>), has a
    /// full fence, and then reads <see cref="QueueEntry.Block"/>: if there is one and <see cref="StoredBlock.Settle"/> does not answer -1, it is
    /// settled there; in every other case it settles it in the journal, by <see cref="QueuedMessage.StoredAt"/>. Then each message is settled in
    /// exactly one place, and that is the place that <see cref="Evacuation.IsMoved"/> tells.</remarks>
    internal bool Replace(Evacuation evacuation, StoredBlock block)
    {
        bool replaced;
        using (_gate.Enter())
        {
            replaced = _contents.TryReplace(evacuation, block);
        }

        LeaveGate();
        return replaced;
    }

    // Null: it could not be read just now, and nobody knows how long that goes on.
    private Task? AwaitArrival_NeedsGate()
    {
        if (_contents.ReadError is not null && _backlog!.HasJustFailed(this))
        {
            return null;
        }

        _contents.NotePageWanted();
        _arrival ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _arrival.Task;
    }

    private void EndArrivals(bool isUnreadable = false)
    {
        TaskCompletionSource? arrival;
        using (_gate.Enter())
        {
            if (_contents.IsHeadAway && !isUnreadable)
            {
                return;
            }

            arrival = _arrival;
            _arrival = null;
        }

        arrival?.TrySetResult();
    }
}
