namespace EmbeddedMq.Journal.Faster;

/// <summary>Looks at addresses of a log and says what is there.</summary>
/// <remarks>For one thread. Trusts nothing that it reads.</remarks>
/// <param name="files">The log's files.</param>
internal sealed class LogCursor(SegmentFiles files) : IDisposable
{
    private readonly LogIdentity _identity = files.Identity;
    private readonly PageWindow _window = new(files);

    /// <summary>What is at an address.</summary>
    internal enum Finding
    {
        /// <summary>A record whose checksum is right.</summary>
        Record,

        /// <summary>No record begins here: the page's end, or zeros.</summary>
        Nothing,

        /// <summary>Something that is no record.</summary>
        Garbage,
    }

    /// <summary>Looks at an address.</summary>
    /// <param name="address">Where a record may begin.</param>
    /// <param name="header">The record's header.</param>
    /// <param name="body">The record's body, until the next call.</param>
    public Finding Look(long address, out RecordHeader header, out ReadOnlyMemory<byte> body)
    {
        header = default;
        body = default;
        long room = _identity.PageEndOf(address) - address;
        if (room < RecordFormat.OverheadBytes)
        {
            return Finding.Nothing;
        }

        ReadOnlyMemory<byte> bytes = _window.Get(address, RecordFormat.OverheadBytes);
        if (bytes.Length < RecordFormat.OverheadBytes)
        {
            return Finding.Garbage;
        }

        if (!RecordFormat.TryReadLength(bytes.Span, room, out int length))
        {
            return length == 0 ? Finding.Nothing : Finding.Garbage;
        }

        ReadOnlyMemory<byte> record = _window.Get(address, RecordFormat.PrefixBytes + length);
        if (record.Length < RecordFormat.PrefixBytes + length)
        {
            return Finding.Garbage;
        }

        record = record[RecordFormat.PrefixBytes..];
        if (!RecordFormat.TryRead(record.Span, _identity.Seed, address, out header))
        {
            return Finding.Garbage;
        }

        body = record[RecordFormat.HeaderBytes..];
        return Finding.Record;
    }

    /// <summary>Searches for a record, at every address where one could begin.</summary>
    /// <param name="address">Where to begin.</param>
    /// <param name="until">Where to stop; in the same segment.</param>
    /// <param name="header">The record's header.</param>
    /// <returns>False if there is none.</returns>
    public bool TryFind(long address, long until, out RecordHeader header)
    {
        while (address < until)
        {
            long pageEnd = _identity.PageEndOf(address);
            if (pageEnd - address < RecordFormat.OverheadBytes)
            {
                address = pageEnd;
                continue;
            }

            if (_window.Get(address, RecordFormat.OverheadBytes).Length < RecordFormat.OverheadBytes)
            {
                address = pageEnd;
                continue;
            }

            // A record begins with its length, so at most three zeros are in front of its first byte that is none.
            ReadOnlySpan<byte> rest = _window.Rest(address);
            int used = rest.IndexOfAnyExcept((byte)0);
            int skip = used < 0 ? (rest.Length - RecordFormat.OverheadBytes + 1) & ~3 : used & ~3;
            if (skip > 0)
            {
                address += skip;
                continue;
            }

            if (RecordFormat.IsPlausible(rest) && Look(address, out header, out _) == Finding.Record)
            {
                return true;
            }

            address += 4;
        }

        header = default;
        return false;
    }

    /// <inheritdoc/>
    public void Dispose() => _window.Dispose();
}
