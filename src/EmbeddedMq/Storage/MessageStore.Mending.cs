using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <content>What a failure of the disk takes, and what is done until it is back.</content>
internal sealed partial class MessageStore
{
    private readonly Lock _doubtGate = new();
    private volatile TaskCompletionSource<bool> _known = NewKnown(isKnown: true); // replaced under _doubtGate

    /// <summary>Whether the disk has failed, and not everything in memory that is to be stored is stored again.</summary>
    internal bool IsMending => _isMending;

    /// <summary>Whether messages are, as their queues know it, in blocks that went with a failure of the disk. The journal has them still, as the last checkpoint says,
    /// and nowhere else are they: no checkpoint may come after that.</summary>
    internal bool HasLostBlocks
        => !_lostCold.IsEmpty && Blocks.List().Any(block => block.Block is { LiveCount: > 0, IsTransient: false } && _lostCold.Contains(block.Block.Address));

    /// <summary>Whether a message can be read back: its record is with the operating system.</summary>
    /// <param name="storedAt">Its id.</param>
    internal bool IsWritten(ulong storedAt)
    {
        if (new StoredId(storedAt).Address < _journal.Hot.WrittenUntil)
        {
            return !IsLost(storedAt); // asked after that: what a failure takes is known to be lost before the log goes on behind it
        }

        _settles.RequestWrite();
        return false;
    }

    /// <summary>Whether the record of a message went with a failure of the disk.</summary>
    /// <param name="storedAt">Its id.</param>
    internal bool IsLost(ulong storedAt)
    {
        long address = new StoredId(storedAt).Address;
        return _lost.Contains(address) || (_journal.Hot.LostFrom is var from and not JournalAddress.None && address >= from && address < _journal.Hot.ResumedAt);
    }

    /// <summary>Gives a message that was appended once more its new place in the journal, and gives up a claim: on the old place, or, if it has been
    /// settled there beside this, on the new one.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="id">Its new id.</param>
    /// <returns>Whether it has moved.</returns>
    /// <remarks>While mending only.</remarks>
    internal bool TryMove(QueueEntry entry, ulong id)
    {
        ulong unused = id;
        lock (_placeGate)
        {
            if (entry.State != EntryState.Settled && !entry.HasLeft)
            {
                unused = entry.StoredAt;
                entry.StoredAt = id;
            }
        }

        if (unused != 0)
        {
            Release(unused);
        }

        return unused != id;
    }

    /// <summary>After a failure of the disk, once messages are stored again: writes what was noted and may have gone with it once more.</summary>
    internal void WriteNotesAgain() => _settles.WriteAgain();

    /// <summary>Notes that the disk has failed: publishers of what is to be stored wait until <see cref="EndMending"/>, and notes are kept until
    /// <see cref="WriteNotesAgain"/>.</summary>
    internal void BeginMending()
    {
        _isMending = true;
        _settles.Suspend();
    }

    /// <summary>Notes that the disk has failed, as <see cref="BeginMending"/> does. Those who wait for it know what became of their records only after
    /// <see cref="NoteLost"/>.</summary>
    internal void NoteFailure()
    {
        BeginMending();
        BeginDoubt();
    }

    /// <summary>Notes what went with the disk, after the journal was opened anew, or was to be.</summary>
    internal void NoteLost()
    {
        if (_journal.Hot.LostFrom is var from and not JournalAddress.None)
        {
            _lost.Add(from, _journal.Hot.ResumedAt);
        }

        if (_journal.Cold.LostFrom is var fromCold and not JournalAddress.None)
        {
            _lostCold.Add(fromCold, _journal.Cold.ResumedAt);
        }

        EndDoubt();
    }

    /// <summary>After a failure of the disk: appends receipts once more that went with it, and that were known by then.</summary>
    /// <exception cref="JournalException">It has failed again.</exception>
    internal void StoreReceiptsAgain()
    {
        UnsyncedReceipt[] all = _unsynced.TakeAll();
        List<UnsyncedReceipt> there = [.. all.Where(receipt => !IsLost(receipt.EndedAt))];
        foreach (Receipt[] some in all.Where(receipt => IsLost(receipt.EndedAt)).Select(static receipt => receipt.Receipt).Chunk(MostReceipts))
        {
            ulong endedAt = 0;
            lock (_appendGate)
            {
                long address = _journal.Hot.Append((byte)RecordKind.Batch, new BatchBody([], [], [], 0, some));
                IsAppended(address, ref endedAt);
                ClaimAll_NeedsGate(address, [], [], some);
            }

            if (endedAt == 0)
            {
                _unsynced.PutBack(all);
                throw NotKept();
            }

            there.AddRange(some.Select(receipt => new UnsyncedReceipt(endedAt, receipt)));
        }

        _unsynced.PutBack(there);
    }

    /// <summary>Notes that everything in memory that is to be stored is stored again, and that a checkpoint says so.</summary>
    internal void EndMending() => _isMending = false;

    /// <inheritdoc cref="StoredQueue.IsPlaced"/>
    internal bool IsPlaced(QueuedMessage entry) => PlaceOf(entry) != 0 && !entry.HasLeft;

    // Whoever asks has said before that the message is settled, or has left: see TryMove.
    private ulong PlaceOf(QueuedMessage entry)
    {
        if (!_isMending)
        {
            return entry.StoredAt;
        }

        lock (_placeGate)
        {
            return entry.StoredAt;
        }
    }

    private static TaskCompletionSource<bool> NewKnown(bool isKnown)
    {
        TaskCompletionSource<bool> known = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (isKnown)
        {
            known.SetResult(true);
        }

        return known;
    }

    // From a failure until the journal was opened anew, nobody knows which of the last records are there.
    private void BeginDoubt()
    {
        lock (_doubtGate)
        {
            if (_known.Task.IsCompleted)
            {
                _known = NewKnown(isKnown: false);
            }

            Named.Fail(NotKept());
        }
    }

    // The journal closes: whoever is told of that, and not of a commit, will not know what became of his records.
    private void GiveUpKnowing()
    {
        lock (_doubtGate)
        {
            _known.TrySetResult(false);
            _known = NewKnown(isKnown: false);
            _known.SetResult(false);
        }
    }

    // Those who wait settle what they named and leave. The checkpoint that ends the failure waits for them, as each does.
    private void EndDoubt()
    {
        lock (_doubtGate)
        {
            if (_journal.State != JournalState.Failed) // or it has failed again, and is opened anew once more
            {
                Named.Resume();
                _known.TrySetResult(true);
            }
        }
    }
}
