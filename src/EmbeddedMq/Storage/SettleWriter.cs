using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Storage.Records;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Storage;

/// <summary>Writes what queues note of their messages: a few records for many notes, a moment after they were made.</summary>
/// <remarks>
/// <para>Thread-safe. Nobody waits for a note: a crash within the moment brings the message back, marked as redelivered. The moment costs
/// nothing but that, and lets one record of a few bytes a message serve for all acknowledgements of several milliseconds.</para>
/// <para>A note is written to the operating system; it is synced together with the next confirm.</para>
/// </remarks>
internal sealed class SettleWriter : IAsyncDisposable
{
    // From this many notes of one queue on they are written at once.
    private const int ManyNotes = 4_096;

    // So many ids stay within a record of the smallest page that is allowed.
    private const int MostInRecord = 512;

    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(5);

    private readonly IAppendLog _log;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly ConcurrentQueue<StoredQueue> _dirty = new();
    private readonly Lock _drainGate = new(); // one drain at a time, so that a message's mark comes before its settle
    private readonly ConcurrentQueue<(StoredQueue Queue, PendingSettles Pending)> _appended = new(); // with what arrives elsewhere
    private readonly Written _written = new();
    private readonly Written _nudge = new();
    private List<(StoredQueue Queue, PendingSettles Pending)> _unwritten = []; // appended, and not asked to be written; guarded by _drainGate
    private List<(StoredQueue Queue, PendingSettles Pending)> _inFlight = [];  // asked to be written; guarded by _drainGate
    private int _isArmed;
    private volatile bool _isSuspended;

    /// <summary>Makes a writer.</summary>
    /// <param name="log">Where to.</param>
    /// <param name="timeProvider">For the moment.</param>
    /// <param name="logger">The broker's log.</param>
    internal SettleWriter(IAppendLog log, TimeProvider timeProvider, ILogger logger)
    {
        _log = log;
        _logger = logger;
        _timer = timeProvider.CreateTimer(static writer => ((SettleWriter)writer!).OnDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Notes that a queue has something to be written.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="before">How many notes it had before.</param>
    /// <param name="count">How many notes it has now; several may have come at once.</param>
    internal void Note(StoredQueue queue, int before, int count)
    {
        if (count == before)
        {
            return;
        }

        if (before == 0)
        {
            _dirty.Enqueue(queue);
        }

        if (!Arm() && before < ManyNotes && count >= ManyNotes)
        {
            _timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Appends everything that has been noted.</summary>
    internal void Drain()
    {
        lock (_drainGate)
        {
            Interlocked.Exchange(ref _isArmed, 0); // before looking: what is noted from here on arms it again
            while (_dirty.TryDequeue(out StoredQueue? queue))
            {
                if (queue.TakePending() is { } pending)
                {
                    if (!_isSuspended)
                    {
                        Append(queue, pending);
                    }

                    _unwritten.Add((queue, pending));
                }
            }

            TakeAppended_NeedsGate();
            RequestWrite_NeedsGate();
        }
    }

    /// <summary>Notes what was appended within another record. It is kept until it is written, because a failure of the disk may take it.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="pending">What was appended.</param>
    internal void NoteAppended(StoredQueue queue, PendingSettles pending)
    {
        _appended.Enqueue((queue, pending));
        Arm();
    }

    /// <summary>After a failure of the disk: appends once more what may have gone with it.</summary>
    internal void WriteAgain()
    {
        lock (_drainGate)
        {
            _isSuspended = false;
            TakeAppended_NeedsGate();
            foreach ((StoredQueue queue, PendingSettles pending) in _inFlight.Concat(_unwritten))
            {
                Append(queue, pending);
            }

            _unwritten.InsertRange(0, _inFlight);
            _inFlight = [];
            RequestWrite_NeedsGate();
        }
    }

    /// <summary>Asks that everything appended so far leaves this process, not for anybody who waits.</summary>
    internal void RequestWrite()
    {
        if (_nudge.TryBegin(out _))
        {
            _log.WhenCommitted(_nudge);
        }
    }

    private bool Arm()
    {
        if (Volatile.Read(ref _isArmed) != 0 || Interlocked.Exchange(ref _isArmed, 1) != 0)
        {
            return false;
        }

        _timer.Change(Moment, Timeout.InfiniteTimeSpan);
        return true;
    }

    private void TakeAppended_NeedsGate()
    {
        while (_appended.TryDequeue(out (StoredQueue Queue, PendingSettles Pending) appended))
        {
            _unwritten.Add(appended);
        }
    }

    // What was appended is kept until it is written: a failure of the disk may take it.
    private void RequestWrite_NeedsGate()
    {
        if (_isSuspended || !_written.TryBegin(out bool wasWritten))
        {
            return;
        }

        if (!wasWritten)
        {
            _unwritten.InsertRange(0, _inFlight);
        }

        _inFlight = _unwritten;
        _unwritten = [];
        _log.WhenCommitted(_written);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync().ConfigureAwait(false);
        Drain();
    }

    /// <summary>The disk has failed: notes are kept, and none is written before <see cref="WriteAgain"/>. What a dead letter leaves is called settled by
    /// a note if the journal could not take the transfer; that must not come before the letter is stored where it went.</summary>
    internal void Suspend() => _isSuspended = true;

    private void OnDue()
    {
        try
        {
            Drain();
        }
        catch (Exception error)
        {
            BrokerLog.TaskFailed(_logger, error);
        }
    }

    private void Append(StoredQueue queue, PendingSettles pending)
    {
        IEnumerable<Mark> marks = pending.Marks.SelectMany(mark => ToMarks(queue.Id, mark.Entry, mark.FailedDeliveries));
        IEnumerable<Mark> expiries = pending.Expiries.Select(expiry => Mark.Expiry(queue.Id, new StoredId(expiry.Id), expiry.ExpiresUtcMs));
        foreach (Mark[] some in marks.Concat(expiries).Chunk(MostInRecord))
        {
            _log.Append((byte)RecordKind.Batch, new BatchBody([], some, []));
        }

        foreach (Settle settle in ToSettles(queue.Id, pending))
        {
            _log.Append((byte)RecordKind.Batch, new BatchBody([settle], [], []));
        }
    }

    // In each place where a restart may find the message.
    private static IEnumerable<Mark> ToMarks(uint queueId, QueuedMessage entry, int failedDeliveries)
    {
        if (entry.Block is not { } block)
        {
            yield return Mark.Entry(queueId, new StoredId(entry.StoredAt), failedDeliveries, redelivered: true);
            yield break;
        }

        foreach ((StoredBlock place, int index) in block.PlacesOf(entry.BlockIndex))
        {
            yield return Mark.BlockEntry(place.Address, (ushort)index, failedDeliveries, redelivered: true);
            if (place.JournalIds is { } ids && ids[index] != 0)
            {
                yield return Mark.Entry(queueId, new StoredId(ids[index]), failedDeliveries, redelivered: true);
            }
        }
    }

    /// <summary>The groups that say what has been settled, none too long for a record.</summary>
    /// <param name="queueId">The queue's id.</param>
    /// <param name="pending">What was noted of it.</param>
    internal static IEnumerable<Settle> ToSettles(uint queueId, PendingSettles pending)
    {
        if (pending.Settled.Count > 0)
        {
            CollectionsMarshal.AsSpan(pending.Settled).Sort();
            foreach (StoredId[] ids in pending.Settled.Select(static id => new StoredId(id)).Chunk(MostInRecord))
            {
                yield return Settle.Entries(queueId, ids);
            }
        }

        foreach (IGrouping<StoredBlock, (StoredBlock Block, int Index)> group in pending.SettledInBlocks.GroupBy(static settled => settled.Block))
        {
            foreach (ushort[] indexes in group.Select(static settled => (ushort)settled.Index).Order().Chunk(MostInRecord))
            {
                yield return Settle.BlockEntries(group.Key.Address, indexes);
            }
        }
    }

    // In the log's list at most once.
    private sealed class Written() : CommitWaiter(Durability.OsBuffered)
    {
        private int _isWaiting;
        private volatile bool _hasFailed;

        internal bool TryBegin(out bool wasWritten)
        {
            bool begins = Interlocked.Exchange(ref _isWaiting, 1) == 0;
            wasWritten = !_hasFailed;
            return begins;
        }

        public override void Complete(JournalException? failure)
        {
            _hasFailed = failure is not null;
            Volatile.Write(ref _isWaiting, 0);
        }
    }
}
