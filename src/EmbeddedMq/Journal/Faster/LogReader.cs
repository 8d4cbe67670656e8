using EmbeddedMq.Errors;

namespace EmbeddedMq.Journal.Faster;

/// <summary>Reads a stretch of a log in order, and checks that nothing is missing in it.</summary>
/// <remarks>For one thread. In salvage mode it goes on behind what is damaged; otherwise it throws.</remarks>
internal sealed class LogReader : IRecordReader
{
    private readonly SegmentFiles _files;
    private readonly LogIdentity _identity;
    private readonly LogCursor _cursor;
    private readonly long _until;
    private readonly bool _salvage;
    private long _position;
    private long _limit;

    // 0: not known.
    private long _expectedLsn;

    /// <summary>Makes a reader.</summary>
    /// <param name="files">The log's files.</param>
    /// <param name="from">The address of a record or of a segment's begin, or anything below the log's begin.</param>
    /// <param name="until">Where to stop.</param>
    /// <param name="salvage">Whether to pass over damage.</param>
    public LogReader(SegmentFiles files, long from, long until, bool salvage)
    {
        _files = files;
        _identity = files.Identity;
        _until = until;
        _salvage = salvage;
        _position = from;
        _limit = from;
        _cursor = new LogCursor(files);
        if (_files.TryGet(_identity.SegmentOf(from), out SegmentEntry entry))
        {
            _limit = LimitOf(entry);
            _expectedLsn = from == _identity.BeginOf(entry.Id) ? entry.FirstLsn : 0;
        }
    }

    /// <inheritdoc/>
    public bool TryRead(out RecordView record)
    {
        while (true)
        {
            if (_position >= _limit && !TryMoveToNextSegment())
            {
                record = default;
                return false;
            }

            LogCursor.Finding finding = _cursor.Look(_position, out RecordHeader header, out ReadOnlyMemory<byte> body);
            if (finding == LogCursor.Finding.Record && (_expectedLsn == 0 || header.Lsn == _expectedLsn))
            {
                _expectedLsn = header.Lsn + 1;
                _position = header.NextAddress;
                if (header.Kind < RecordFormat.FirstReservedKind)
                {
                    record = new RecordView(header.Address, header.NextAddress, header.Kind, header.Lsn, header.Timestamp, body);
                    return true;
                }
            }
            else if (finding == LogCursor.Finding.Nothing)
            {
                _position = _identity.PageEndOf(_position);
            }
            else if (!PassDamage(finding, header))
            {
                record = default;
                return false;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _cursor.Dispose();

    private long LimitOf(SegmentEntry entry)
        => Math.Min(_until, entry.End != 0 ? entry.End : _identity.BeginOf(entry.Id + 1));

    private bool TryMoveToNextSegment()
    {
        long previous = _identity.SegmentOf(_position - 1);
        foreach (SegmentEntry entry in _files.Snapshot())
        {
            long begin = _identity.BeginOf(entry.Id);
            if (begin < _position)
            {
                continue;
            }

            if (begin >= _until)
            {
                return false;
            }

            // Behind a segment that was released, the numbers go on at what the segment says of itself.
            if (entry.Id != previous + 1)
            {
                _expectedLsn = 0;
            }

            if (entry.FirstLsn != 0)
            {
                if (_expectedLsn != 0 && entry.FirstLsn != _expectedLsn && !_salvage)
                {
                    throw MqErrors.RecordDamaged(_identity.PathOf(entry.Id), begin, $"record {_expectedLsn} is missing before it");
                }

                _expectedLsn = entry.FirstLsn;
            }

            _position = begin;
            _limit = LimitOf(entry);
            return true;
        }

        return false;
    }

    private bool PassDamage(LogCursor.Finding finding, in RecordHeader header)
    {
        long id = _identity.SegmentOf(_position);
        if (!_files.TryGet(id, out _))
        {
            _position = _limit; // released while it was being read
            return true;
        }

        if (!_salvage)
        {
            throw MqErrors.RecordDamaged(
                _identity.PathOf(id), _position,
                finding == LogCursor.Finding.Record ? $"record {header.Lsn} is where record {_expectedLsn} should be" : "the checksum is wrong");
        }

        _position = finding == LogCursor.Finding.Record ? _position : _cursor.TryFind(_position, _limit, out RecordHeader next) ? next.Address : _limit;
        _expectedLsn = 0;
        return true;
    }
}
