using System.Diagnostics;
using EmbeddedMq.Errors;
using FASTER.core;

namespace EmbeddedMq.Journal.Faster;

/// <summary>One log: FASTER's buffer and page flushing, with records, files and commits of our own.</summary>
/// <remarks>
/// <para>Two parties: whoever appends, under the gate, and the journal's thread, which alone writes files and completes waiters. FASTER is
/// entered under the gate only, and its write requests are carried out after leaving it, so nobody who appends waits for the disk, except
/// when the log's memory is full.</para>
/// <para>Of FASTER are used: allocation in a ring of pinned pages, the order of page and partial-page writes, addresses. Not used: its
/// checksums, commit records, iterators, reads, truncation and recovery.</para>
/// </remarks>
internal sealed class FasterAppendLog : IAppendLog
{
    private readonly TimeProvider _time;
    private readonly Action _wake;
    private readonly Action<FasterAppendLog> _segmentCreated;
    private readonly long _maxUncommittedBytes;
    private readonly LogIdentity _identity;
    private readonly WaiterList _waiters = new();
    private readonly WaiterList _roomWaiters = new();
    private readonly Reservation.Room _room = new();
    private readonly bool _salvage;

    /// <summary>Takes what the owner has released. Set by the journal.</summary>
    public Action<FasterAppendLog, IReadOnlyList<long>> Released { get; init; } = static (_, _) => { };

    /// <summary>Makes room on a full disk, once; says whether it did. Set by the journal.</summary>
    public Func<bool> MakeRoom { get; init; } = static () => false;

    /// <summary>Makes files of segments ahead; <see langword="null"/>: nobody does. Set by the journal.</summary>
    public SpareMaker? Spares { get; init; }

    // The gate: whoever appends, and the journal's thread for a moment when it starts a commit. Waited on when the memory is full.
    private readonly object _gate = new();
    private FasterLog? _log;               // null: failed, or not open
    private long _nextLsn = 1;
    private uint _incarnation;
    private bool _owesIncarnation;         // the first record of this opening has not been appended
    private long _previousEnd;             // where the opening before ended
    private long _lastSegment = -1;        // the one that the last record is in
    private readonly Queue<(long Segment, long Lsn)> _firstLsns = [];
    private int _memoryWaiters;
    private long _tail;                    // written under the gate, read anywhere

    // The journal thread's.
    private int _journalThread;
    private JournalException? _failedWithin;
    private JournalDevice? _device;
    private readonly CommitBatch _batch = new();
    private readonly Gathering _gathering;
    private long _writtenLsn;
    private bool _isSyncedNext;            // whether what is written now is synced next; between commits, whether it was so the last time

    // Written by the journal's thread, read anywhere.
    private long _writtenUntil;
    private long _syncedUntil;
    private long _syncedLsn;
    private long _committedUntil;
    private long _lostFrom;
    private long _resumedAt;
    private JournalException? _failure;

    /// <summary>Makes a log that is not open yet.</summary>
    /// <param name="files">Its files.</param>
    /// <param name="options">The store's options.</param>
    /// <param name="time">The clock for timestamps.</param>
    /// <param name="wake">Wakes the journal's thread.</param>
    /// <param name="segmentCreated">Called on the journal's thread when the log has a new segment, before anything is written to it.</param>
    public FasterAppendLog(SegmentFiles files, JournalOptions options, TimeProvider time, Action wake, Action<FasterAppendLog> segmentCreated)
    {
        Files = files;
        _identity = files.Identity;
        _time = time;
        _gathering = new Gathering(time, () => _waiters.Count);
        _wake = wake;
        _segmentCreated = segmentCreated;
        _maxUncommittedBytes = options.MaxUncommittedBytes;
        _salvage = options.Salvage;
    }

    /// <summary>Its files.</summary>
    public SegmentFiles Files { get; }

    /// <summary>The number of the next segment to be made.</summary>
    public long NextSegment { get; private set; }

    /// <summary>The last record that has been synced.</summary>
    public long SyncedLsn => Volatile.Read(ref _syncedLsn);

    /// <inheritdoc/>
    public int MaxRecordBytes => _identity.Sizes.PageBytes - 64;

    /// <inheritdoc/>
    public long BeginAddress
    {
        get
        {
            long first = Files.First;
            return first < 0 ? ResumedAt : _identity.BeginOf(first);
        }
    }

    /// <inheritdoc/>
    public long TailAddress => Volatile.Read(ref _tail);

    /// <inheritdoc/>
    public long WrittenUntil => Volatile.Read(ref _writtenUntil);

    /// <inheritdoc/>
    public long SyncedUntil => Volatile.Read(ref _syncedUntil);

    /// <inheritdoc/>
    public long LostFrom => Volatile.Read(ref _lostFrom);

    /// <inheritdoc/>
    public long ResumedAt => Volatile.Read(ref _resumedAt);

    /// <inheritdoc/>
    public long UncommittedBytes => Math.Max(0, TailAddress - Volatile.Read(ref _committedUntil));

    /// <inheritdoc/>
    public bool HasRoom => UncommittedBytes < _maxUncommittedBytes;

    /// <inheritdoc/>
    public IReadOnlyList<SegmentInfo> Segments
    {
        get
        {
            long tail = TailAddress;
            SegmentEntry[] entries = Files.Snapshot();
            return Array.ConvertAll(entries, entry => new SegmentInfo(
                entry.Id, _identity.BeginOf(entry.Id), entry.End != 0 ? entry.End : Math.Min(tail, _identity.BeginOf(entry.Id + 1))));
        }
    }

    /// <summary>Whether the journal's thread has something to do for this log.</summary>
    public bool HasWaiters => !_waiters.IsEmpty || !_roomWaiters.IsEmpty;

    /// <inheritdoc/>
    public long SegmentBytes => _identity.Sizes.SegmentBytes;

    /// <inheritdoc/>
    public long SegmentOf(long address) => _identity.SegmentOf(address);

    /// <inheritdoc/>
    public long Append<T>(byte kind, in T body)
        where T : IRecordBody, allows ref struct
    {
        ArgumentOutOfRangeException.ThrowIfZero(kind);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(kind, RecordFormat.FirstReservedKind);
        int length = body.GetLength();
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MaxRecordBytes);
        lock (_gate)
        {
            if (_owesIncarnation)
            {
                AppendIncarnation_NeedsGate();
            }

            return Append_NeedsGate(kind, in body, length);
        }
    }

    /// <inheritdoc/>
    public void WhenCommitted(CommitWaiter waiter)
    {
        int place = _waiters.Add(waiter);
        _wake();
        _gathering.NoteArrived(place);
    }

    /// <inheritdoc/>
    public ValueTask FlushAsync(Durability durability, CancellationToken cancellationToken = default)
    {
        TaskWaiter waiter = new(durability);
        WhenCommitted(waiter);
        return new ValueTask(waiter.Task.WaitAsync(cancellationToken));
    }

    /// <inheritdoc/>
    public ValueTask WaitForRoomAsync(CancellationToken cancellationToken = default)
    {
        if (HasRoom && Volatile.Read(ref _failure) is null)
        {
            return ValueTask.CompletedTask;
        }

        TaskWaiter waiter = new(Durability.OsBuffered);
        _roomWaiters.Add(waiter);
        _wake();
        _gathering.Wake();
        return new ValueTask(waiter.Task.WaitAsync(cancellationToken));
    }

    /// <inheritdoc/>
    public StoredRecord Read(long address)
    {
        long written = WrittenUntil;
        return address > 0 && address + RecordFormat.OverheadBytes <= written
            ? StoredRecordReader.Read(Files, address)
            : throw MqErrors.NotReadable(_identity.Name, address, $"records are in the files up to {written}");
    }

    /// <inheritdoc/>
    public IRecordReader ReadForward(long from, long until) => new LogReader(Files, from, Math.Min(until, WrittenUntil), _salvage);

    /// <inheritdoc/>
    public void ReleaseBefore(long address)
    {
        long first = _identity.SegmentOf(Math.Min(address, TailAddress));
        Release([.. Files.Snapshot().Select(entry => entry.Id).Where(id => id < first)]);
    }

    /// <inheritdoc/>
    public void ReleaseSegment(long id)
    {
        if (id >= _identity.SegmentOf(TailAddress))
        {
            throw new ArgumentOutOfRangeException(nameof(id), id, "The segment that is being written cannot be released.");
        }

        Release([id]);
    }

    /// <summary>Begins a new opening at a fresh segment. On the journal's thread, when the log is not open.</summary>
    /// <param name="incarnation">The opening's number.</param>
    /// <param name="segment">The fresh segment.</param>
    /// <param name="lastLsn">The number of the last good record.</param>
    /// <param name="end">Where that record ends.</param>
    /// <param name="isReopened">Whether the log failed before, in this process.</param>
    public void Begin(uint incarnation, long segment, long lastLsn, long end, bool isReopened)
    {
        long begin = _identity.BeginOf(segment);
        JournalDevice device = new(_identity.PathOf(segment), _wake);
        FasterLog log = new(new FasterLogSettings
        {
            LogDevice = device,
            PageSize = _identity.Sizes.PageBytes,
            MemorySize = _identity.Sizes.MemoryBytes,
            SegmentSize = _identity.Sizes.SegmentBytes,
            LogCommitManager = new NullCommitManager(),
            LogChecksum = LogChecksumType.None,
            FastCommitMode = false,
            TryRecoverLatest = false,
            AutoCommit = false,
            AutoRefreshSafeTailAddress = false,
        });
        log.Initialize(begin, begin);
        _journalThread = Environment.CurrentManagedThreadId;
        _failedWithin = null;
        _device = device;
        NextSegment = segment;
        _writtenLsn = lastLsn;
        _syncedLsn = lastLsn;
        _syncedUntil = begin;
        _committedUntil = begin;
        if (isReopened)
        {
            Volatile.Write(ref _lostFrom, end);
        }

        Volatile.Write(ref _resumedAt, begin);
        Volatile.Write(ref _writtenUntil, begin); // after what tells that some of it is lost
        lock (_gate)
        {
            _nextLsn = lastLsn + 1;
            _incarnation = incarnation;
            _lastSegment = -1;
            _firstLsns.Clear();
            _owesIncarnation = true;
            _previousEnd = end;
            _failure = null;
            Volatile.Write(ref _tail, begin);
            _log = log;
        }
    }

    /// <summary>Appends the record that every opening begins with, unless somebody has appended already.</summary>
    public void AppendIncarnation()
    {
        lock (_gate)
        {
            if (_owesIncarnation)
            {
                AppendIncarnation_NeedsGate();
            }
        }
    }

    /// <summary>Stops taking records. On the journal's thread. Everything else goes on, as far as it can; who waits is for
    /// <see cref="FailWaiters"/>.</summary>
    /// <param name="failure">Why.</param>
    public void Stop(JournalException failure)
    {
        FasterLog? log;
        lock (_gate)
        {
            log = _log;
            _log = null;
            _owesIncarnation = false;
            Volatile.Write(ref _failure, failure);
            Monitor.PulseAll(_gate);
        }

        _device = null;
        log?.Dispose(); // nobody is within it: that takes the gate
    }

    /// <summary>Fails everybody who waits. On the journal's thread.</summary>
    /// <param name="failure">Why.</param>
    public void FailWaiters(JournalException failure)
    {
        _batch.Complete(Durability.Synced, failure);
        WaiterList.CompleteAll(_waiters.TakeAll(), failure);
        WaiterList.CompleteAll(_roomWaiters.TakeAll(), failure);
    }

    /// <summary>Carries out the writes of full pages that FASTER has asked for. On the journal's thread.</summary>
    public unsafe void WritePages()
    {
        ThrowIfFailedWithin();
        while (_device is { } device && device.TryTake(out JournalDevice.WriteRequest request))
        {
            if (request.Segment >= NextSegment)
            {
                CreateSegment(request.Segment);
            }

            Files.Write(request.Segment, request.Offset, new ReadOnlySpan<byte>((void*)request.Source, request.Length), _isSyncedNext);
            Spares?.NoteWritten(request.Segment, request.Offset + request.Length);
            request.Callback(0, (uint)request.Length, request.Context);
            Interlocked.MemoryBarrier(); // who waits for the page says so before he tries again
            if (Volatile.Read(ref _memoryWaiters) > 0)
            {
                lock (_gate)
                {
                    Monitor.PulseAll(_gate);
                }
            }
        }
    }

    /// <summary>Writes what was appended, for those who wait. On the journal's thread.</summary>
    /// <param name="always">Also when nobody waits.</param>
    /// <returns>Whether somebody wants it synced.</returns>
    public bool Commit(bool always)
    {
        bool roomWanted = !_roomWaiters.IsEmpty;
        if (!roomWanted && !always)
        {
            _gathering.Wait();
        }

        _batch.Take(_waiters, out Durability wanted);
        if (_batch.IsEmpty && !roomWanted && !always)
        {
            return false;
        }

        if (always || roomWanted || wanted > Durability.Memory)
        {
            _isSyncedNext = wanted == Durability.Synced;
            Write();
        }

        _batch.Complete(Durability.OsBuffered, null);
        if (wanted == Durability.Synced)
        {
            return true;
        }

        Committed();
        return false;
    }

    /// <summary>Syncs what the last <see cref="Commit"/> wrote, and answers those who waited for that. On the journal's thread.</summary>
    public void Sync()
    {
        ThrowIfFailedWithin();
        if (_syncedUntil != _writtenUntil || _syncedLsn != _writtenLsn)
        {
            _gathering.BeginSync();
            Files.Sync();
            _gathering.EndSync(_batch.SyncedCount, _writtenUntil - _syncedUntil);
            Volatile.Write(ref _syncedLsn, _writtenLsn);
            Volatile.Write(ref _syncedUntil, _writtenUntil);
        }

        Committed();
        _batch.Complete(Durability.Synced, null);
    }

    /// <summary>Makes room for a record that is appended on the journal's thread itself, within a waiter's completion: there nobody else would.</summary>
    private void WritePagesWithin()
    {
        try
        {
            WritePages();
        }
        catch (JournalException error)
        {
            // The waiter is not the one to hear of it: the next turn throws it where the store fails.
            _failedWithin = error;
            _log?.Dispose();
            _log = null;
            _wake();
        }
    }

    private void ThrowIfFailedWithin()
    {
        if (_failedWithin is { } failure)
        {
            _failedWithin = null;
            throw failure;
        }
    }

    private void Write()
    {
        ThrowIfFailedWithin();
        long tail;
        long lsn;
        FasterLog log;
        lock (_gate)
        {
            log = _log ?? throw MqErrors.JournalBroken(_identity.Directory, $"the {_identity.Name} log is not open");
            tail = log.TailAddress;
            lsn = _nextLsn - 1;
            if (tail > log.FlushedUntilAddress)
            {
                log.Commit(spinWait: false);
            }
        }

        WritePages();
        if (log.FlushedUntilAddress < tail)
        {
            throw MqErrors.JournalBroken(_identity.Directory, $"FASTER asked for no write of {_identity.Name} addresses {log.FlushedUntilAddress} to {tail}");
        }

        _writtenLsn = lsn;
        Volatile.Write(ref _writtenUntil, tail);
    }

    private void Committed()
    {
        Volatile.Write(ref _committedUntil, _writtenUntil);
        if (!_roomWaiters.IsEmpty && HasRoom)
        {
            WaiterList.CompleteAll(_roomWaiters.TakeAll(), null);
        }
    }

    private void CreateSegment(long id)
    {
        long firstLsn = 0;
        lock (_gate)
        {
            while (_firstLsns.TryPeek(out (long Segment, long Lsn) first) && first.Segment <= id)
            {
                firstLsn = first.Segment == id ? first.Lsn : firstLsn;
                _firstLsns.Dequeue();
            }
        }

        // Even if it fails: what it leaves behind, the next opening clears away.
        NextSegment = id + 1;
        while (!TryCreate(id, firstLsn))
        {
        }

        Spares?.NoteCreated();
        _segmentCreated(this);
    }

    // False on a full disk on which there is more room now.
    private bool TryCreate(long id, long firstLsn)
    {
        try
        {
            Files.Create(id, firstLsn);
            return true;
        }
        catch (JournalException error) when (error.InnerException is { } cause && MqErrors.IsDiskFull(cause) && MakeRoom())
        {
            return false;
        }
    }

    private void Release(IReadOnlyList<long> ids)
    {
        if (ids.Count > 0)
        {
            Released(this, ids);
        }
    }

    private void AppendIncarnation_NeedsGate()
    {
        _owesIncarnation = false;
        Append_NeedsGate(RecordFormat.Incarnation, new RecordBytes(BitConverter.GetBytes(_previousEnd)), sizeof(long));
    }

    private long Append_NeedsGate<T>(byte kind, in T body, int length)
        where T : IRecordBody, allows ref struct
    {
        Debug.Assert(Monitor.IsEntered(_gate), "The gate is held.");
        long address;
        while (true)
        {
            if (_log is not { } log)
            {
                return JournalAddress.None;
            }

            if (log.TryEnqueue(new Reservation(_room, RecordFormat.HeaderBytes + length), out address))
            {
                break;
            }

            // All of the log's memory waits for the disk. The journal's thread needs the gate for a commit, not for writing pages.
            if (Environment.CurrentManagedThreadId == _journalThread)
            {
                WritePagesWithin();
                continue;
            }

            // Tried once more after it is said that somebody waits: whoever has written a page looks for that afterwards, so one of the two sees the other.
            Interlocked.Increment(ref _memoryWaiters);
            _wake();
            _gathering.Wake();
            bool hasRoom = log.TryEnqueue(new Reservation(_room, RecordFormat.HeaderBytes + length), out address);
            if (!hasRoom)
            {
                Monitor.Wait(_gate);
            }

            Interlocked.Decrement(ref _memoryWaiters);
            if (hasRoom)
            {
                break;
            }
        }

        Span<byte> record = _room.Bytes;
        long lsn = _nextLsn++;
        long distance = lsn - Volatile.Read(ref _syncedLsn);
        RecordHeader header = new()
        {
            Address = address,
            Kind = kind,
            Incarnation = _incarnation,
            Distance = distance < uint.MaxValue ? (uint)distance : uint.MaxValue,
            Lsn = lsn,
            Timestamp = _time.GetUtcNow().ToUnixTimeMilliseconds(),
        };
        long segment = _identity.SegmentOf(address);
        if (segment != _lastSegment)
        {
            _lastSegment = segment;
            _firstLsns.Enqueue((segment, lsn));
        }

        Volatile.Write(ref _tail, address + RecordFormat.SizeOf(length));
        bool isWritten = false;
        try
        {
            body.Write(record[RecordFormat.HeaderBytes..]);
            isWritten = true;
        }
        finally
        {
            // The room is taken whatever happens: a body that throws leaves a record that readers pass over.
            RecordFormat.Seal(record, _identity.Seed, isWritten ? header : header.AsVoid());
        }

        return address;
    }
}
