using EmbeddedMq.Errors;

namespace EmbeddedMq.Journal.Faster;

/// <summary>Finds out, when a store is opened, where a log ends, and whether everything is there that must be.</summary>
/// <remarks>
/// <para>Records carry numbers without gaps. Where the next number is not found, either nobody was ever told that it was safe, or it was damaged
/// later. What decides:</para>
/// <code>
/// found behind the gap                                      verdict
/// ------------------------------------------------------   -------------------------------------------------------
/// nothing                                                   a torn tail, unless the manifest knows a later record synced
/// records that do not know the missing one to be synced     a torn tail: the disk kept a part of what was never synced
/// a record that knows the missing one to be synced          damage
/// the known end of an earlier opening                       damage
/// the first record of a later opening, with that number     a torn tail which that opening dropped
/// </code>
/// <para>For the thread that opens the store.</para>
/// </remarks>
internal sealed class LogScan : IDisposable
{
    private readonly SegmentFiles _files;
    private readonly LogIdentity _identity;
    private readonly LogCursor _cursor;
    private readonly bool _salvage;
    private readonly List<DamagedRegion> _damage;
    private readonly List<long> _dropped = [];

    private long _expectedLsn;          // 0: not known
    private uint _incarnation;          // 0: not known
    private long _gap = JournalAddress.None;
    private long _survivorBytes;
    private long _syncedLsn;

    /// <summary>Makes a scan.</summary>
    /// <param name="files">The log's files, with all segments that there are.</param>
    /// <param name="salvage">Whether to note damage and go on rather than to throw.</param>
    /// <param name="damage">Where to note it.</param>
    public LogScan(SegmentFiles files, bool salvage, List<DamagedRegion> damage)
    {
        _files = files;
        _identity = files.Identity;
        _salvage = salvage;
        _damage = damage;
        _cursor = new LogCursor(files);
    }

    /// <summary>The address behind the last good record.</summary>
    public long End { get; private set; }

    /// <summary>The number of the last good record.</summary>
    public long LastLsn { get; private set; }

    /// <summary>The latest opening that wrote a good record.</summary>
    public uint LastIncarnation { get; private set; }

    /// <summary>The good records found.</summary>
    public long Records { get; private set; }

    /// <summary>The bytes that the torn tails take, as far as they can be told.</summary>
    public long TornBytes { get; private set; }

    /// <summary>The segments that hold nothing good.</summary>
    public IReadOnlyList<long> Dropped => _dropped;

    /// <summary>Reads the log.</summary>
    /// <param name="from">Where to begin: a record, a segment's begin, or behind the last record; or anything below the first segment.</param>
    /// <param name="expectedLsn">The number of the first record; 0 if unknown.</param>
    /// <param name="syncedLsn">The last record that is known to have been synced.</param>
    public void Run(long from, long expectedLsn, long syncedLsn)
    {
        SegmentEntry[] segments = _files.Snapshot();
        _expectedLsn = expectedLsn;
        _syncedLsn = syncedLsn;
        LastLsn = Math.Max(0, expectedLsn - 1);
        End = from;
        long previous = -1;
        foreach (SegmentEntry segment in segments)
        {
            long begin = _identity.BeginOf(segment.Id);
            if (_identity.BeginOf(segment.Id + 1) <= from)
            {
                continue;
            }

            if (previous >= 0 && segment.Id != previous + 1)
            {
                EnterBehindReleased(segment);
            }
            else if (begin >= from && _expectedLsn == 0)
            {
                _expectedLsn = segment.FirstLsn;
            }

            previous = segment.Id;
            ScanSegment(segment, Math.Max(begin, from));
        }

        Finish(segments, from, syncedLsn);
    }

    /// <inheritdoc/>
    public void Dispose() => _cursor.Dispose();

    private void EnterBehindReleased(SegmentEntry segment)
    {
        // The manifest does not mention the segments between, so they were released. A gap before them would have been a gap of what was
        // synced, as segments behind it were used and released.
        if (_gap != JournalAddress.None && segment.FirstLsn != _expectedLsn)
        {
            _gap = JournalAddress.None; // padding at a segment's end, which the numbers cannot confirm
        }

        _expectedLsn = segment.FirstLsn;
        _incarnation = 0; // the first record of the opening that wrote it may have been released
    }

    private void ScanSegment(SegmentEntry segment, long position)
    {
        long limit = segment.End != 0 ? segment.End : _identity.BeginOf(segment.Id + 1);
        while (position < limit)
        {
            LogCursor.Finding finding = _cursor.Look(position, out RecordHeader header, out _);
            if (finding == LogCursor.Finding.Nothing)
            {
                SetGap(position);
                position = _identity.PageEndOf(position);
            }
            else if (finding == LogCursor.Finding.Record && IsNext(header))
            {
                Accept(header);
                position = header.NextAddress;
            }
            else
            {
                SetGap(position);
                position = Search(position, limit);
            }
        }

        if (segment.End != 0 && _gap != JournalAddress.None && _gap < segment.End)
        {
            // Where that opening had ended was found out and written down when the next one began.
            Damaged(segment.End, "it is not there, and the manifest says that it was");
            _expectedLsn = 0;
        }
    }

    private bool IsNext(in RecordHeader header)
    {
        if (_expectedLsn == 0)
        {
            return true;
        }

        if (header.Lsn != _expectedLsn)
        {
            return false;
        }

        return header.Incarnation == _incarnation || _incarnation == 0 || (header.Incarnation > _incarnation && header.Kind == RecordFormat.Incarnation);
    }

    private void Accept(in RecordHeader header)
    {
        if (_gap != JournalAddress.None && _expectedLsn == 0)
        {
            Damaged(header.Address, "the log does not begin with a record");
        }

        if (_gap != JournalAddress.None && header.Incarnation > _incarnation && _incarnation != 0)
        {
            EndOpeningAtGap(header.Address);
        }

        _gap = JournalAddress.None;
        _survivorBytes = 0;
        _incarnation = header.Incarnation;
        LastIncarnation = Math.Max(LastIncarnation, header.Incarnation);
        _expectedLsn = header.Lsn + 1;
        LastLsn = header.Lsn;
        End = header.NextAddress;
        Records++;
    }

    private void SetGap(long position)
    {
        if (_gap == JournalAddress.None)
        {
            _gap = position;
        }
    }

    /// <summary>Looks at everything behind a gap, up to where reading can go on.</summary>
    private long Search(long position, long limit)
    {
        while (_cursor.TryFind(position, limit, out RecordHeader header))
        {
            if (IsNext(header))
            {
                return header.Address;
            }

            // Who salvages wants whatever is intact, also what nobody was promised.
            bool wasSynced = header.KnownSynced >= _expectedLsn || _syncedLsn >= _expectedLsn;
            if (header.Lsn > _expectedLsn && (wasSynced || _salvage))
            {
                Damaged(header.Address, $"record {_expectedLsn} is not there, and record {header.Lsn} {(wasSynced ? "came after it was synced" : "is")}");
                _expectedLsn = header.Lsn;
                _incarnation = 0;
                return header.Address;
            }

            _survivorBytes += RecordFormat.SizeOf(header.BodyBytes);
            position = header.NextAddress;
        }

        return limit;
    }

    private void Damaged(long until, string reason)
    {
        string path = _identity.PathOf(_identity.SegmentOf(_gap));
        if (!_salvage)
        {
            throw MqErrors.RecordDamaged(path, _gap, reason);
        }

        _damage.Add(new DamagedRegion(path, _gap, until, reason));
        _gap = JournalAddress.None;
        _survivorBytes = 0;
    }

    /// <summary>A later opening began, so the one before ended at the gap: notes it, and drops the segments between.</summary>
    private void EndOpeningAtGap(long next)
    {
        long last = _identity.SegmentOf(_gap);
        if (_gap == _identity.BeginOf(last))
        {
            last--;
        }
        else
        {
            _files.SetEnd(last, _gap);
        }

        for (long id = last + 1; id < _identity.SegmentOf(next); id++)
        {
            _dropped.Add(id);
        }

        TornBytes += _survivorBytes;
    }

    private void Finish(SegmentEntry[] segments, long from, long syncedLsn)
    {
        if (segments.Length == 0)
        {
            if (LastLsn < syncedLsn)
            {
                LastLsn = syncedLsn;
            }

            return;
        }

        long behind = _identity.BeginOf(segments[^1].Id + 1);
        if (LastLsn < syncedLsn && behind > from)
        {
            SetGap(Math.Min(End, behind - 1));
            Damaged(behind, $"record {LastLsn + 1} is not there, and the manifest says that all up to {syncedLsn} were");
            LastLsn = syncedLsn;
        }

        long last = _identity.SegmentOf(Math.Max(End - 1, 0));
        foreach (SegmentEntry segment in segments)
        {
            if (segment.Id > last && _identity.BeginOf(segment.Id) >= from)
            {
                _dropped.Add(segment.Id);
            }
        }

        // Also when nothing new was found: the next opening begins at a fresh segment, and readers must stop here.
        if (_files.TryGet(last, out SegmentEntry entry) && entry.End == 0)
        {
            _files.SetEnd(last, End);
        }

        if (_gap != JournalAddress.None)
        {
            TornBytes += _survivorBytes + ClaimedBytes(End);
        }
    }

    /// <summary>The length of a torn record, if what is left of it says so.</summary>
    private long ClaimedBytes(long address)
    {
        long id = _identity.SegmentOf(address);
        Span<byte> bytes = stackalloc byte[RecordFormat.OverheadBytes];
        return _files.TryGet(id, out _) && _files.Read(id, address - _identity.BeginOf(id), bytes) == bytes.Length
            && RecordFormat.TryReadLength(bytes, _identity.PageEndOf(address) - address, out int length) && RecordFormat.IsPlausible(bytes)
            ? RecordFormat.PrefixBytes + length
            : 0;
    }
}
