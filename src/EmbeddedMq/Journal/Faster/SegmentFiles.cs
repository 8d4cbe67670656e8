using System.Collections.Concurrent;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Journal.Faster;

/// <summary>The files of one log: which there are, and the handles to them.</summary>
/// <remarks>The table of segments is guarded by a lock, and anybody may read records. Creating, writing, syncing and deleting are for the
/// journal's thread alone. Every failure is a <see cref="JournalException"/> that names the file.</remarks>
internal sealed class SegmentFiles : IDisposable
{
    // Each costs a handle of the process; a reader that works through old segments opens one every 64 MB.
    private const int MaxOpenFiles = 64;

    private readonly IJournalFiles _files;
    private readonly int _maxSpares;
    private readonly Lock _gate = new();

    // Guarded by the gate.
    private readonly SortedList<long, Segment> _segments = [];
    private long _useClock;
    private int _openFiles;

    // Paths. The journal's thread takes; anybody may add.
    private readonly ConcurrentQueue<string> _spares = [];

    // The journal thread's.
    private readonly List<Segment> _dirty = [];
    private Segment? _current;

    /// <summary>Makes the table, empty.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="identity">The log.</param>
    /// <param name="maxSpares">How many released files to keep.</param>
    public SegmentFiles(IJournalFiles files, LogIdentity identity, int maxSpares)
    {
        _files = files;
        _maxSpares = maxSpares;
        Identity = identity;
    }

    /// <summary>The log.</summary>
    public LogIdentity Identity { get; }

    /// <summary>The number of the first segment; -1 if there is none.</summary>
    public long First
    {
        get
        {
            lock (_gate)
            {
                return _segments.Count == 0 ? -1 : _segments.Keys[0];
            }
        }
    }

    /// <summary>How many segments there are.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _segments.Count;
            }
        }
    }

    /// <summary>Adds a segment that is there.</summary>
    public void Add(SegmentEntry entry)
    {
        lock (_gate)
        {
            _segments.Add(entry.Id, new Segment(entry));
        }
    }

    /// <summary>Whether there is a file that the next segment can be made of.</summary>
    public bool HasSpare => !_spares.IsEmpty;

    /// <summary>Adds a file that the next segment can be made of: whole, and synced.</summary>
    /// <param name="path">Its path. Thread-safe.</param>
    public void AddSpare(string path) => _spares.Enqueue(path);

    /// <summary>Deletes the files that the next segments could be made of. On the journal's thread.</summary>
    /// <returns>Whether there is more room on the disk now.</returns>
    public bool DropSpares()
    {
        bool freed = false;
        while (_spares.TryDequeue(out string? spare))
        {
            try
            {
                _files.Delete(spare);
                freed = true;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It goes on taking room, and the next opening finds it.
            }
        }

        return freed;
    }

    /// <summary>All segments, in order.</summary>
    public SegmentEntry[] Snapshot()
    {
        lock (_gate)
        {
            var entries = new SegmentEntry[_segments.Count];
            for (int i = 0; i < entries.Length; i++)
            {
                entries[i] = _segments.Values[i].Entry;
            }

            return entries;
        }
    }

    /// <summary>Where a segment ended, if it is there.</summary>
    public bool TryGet(long id, out SegmentEntry entry)
    {
        lock (_gate)
        {
            bool found = _segments.TryGetValue(id, out Segment? segment);
            entry = segment?.Entry ?? default;
            return found;
        }
    }

    /// <summary>Notes where the log ended in a segment.</summary>
    public void SetEnd(long id, long end)
    {
        lock (_gate)
        {
            if (_segments.TryGetValue(id, out Segment? segment))
            {
                segment.Entry = segment.Entry with { End = end };
            }
        }
    }

    /// <summary>Takes segments out of the table. Their files are still there, for <see cref="Recycle"/>.</summary>
    /// <param name="ids">The segments; those that are not there do not matter.</param>
    /// <returns>Those that were there.</returns>
    public List<long> Remove(IEnumerable<long> ids)
    {
        List<long> removed = [];
        lock (_gate)
        {
            foreach (long id in ids)
            {
                if (_segments.Remove(id, out Segment? segment))
                {
                    removed.Add(id);
                    _dirty.Remove(segment);
                    Close_NeedsGate(segment);
                }
            }
        }

        return removed;
    }

    /// <summary>Makes the file of the next segment, whole and with its room on the disk, and adds it to the table.</summary>
    /// <param name="id">Its number.</param>
    /// <param name="firstLsn">The number of its first record.</param>
    public void Create(long id, long firstLsn)
    {
        string path = Identity.PathOf(id);
        IJournalFile file;
        if (TryTakeSpare(path))
        {
            // Its old records are no records here: the address is part of their checksums.
            file = Try("open", path, () => _files.OpenToOverwrite(path));
        }
        else
        {
            file = Try("create", path, () => _files.Open(path, create: true));
            try
            {
                Try("make room for", path, () => file.Allocate(Identity.Sizes.SegmentBytes));
                Try("sync", path, file.SyncData);
            }
            catch (JournalException)
            {
                file.Dispose();
                Try("delete", path, () => _files.Delete(path));
                throw;
            }
        }

        Segment segment = new(new SegmentEntry(id, firstLsn, 0)) { File = file };
        lock (_gate)
        {
            _segments.Add(id, segment);
            _openFiles++;
        }

        _current = segment;
        Try("sync the directory", Identity.Directory, () => _files.SyncDirectory(Identity.Directory));
    }

    /// <summary>Writes into the newest segment, or into one before it.</summary>
    /// <param name="id">The segment.</param>
    /// <param name="offset">The position in it.</param>
    /// <param name="bytes">The bytes.</param>
    /// <param name="isSyncedNext">Whether <see cref="Sync"/> follows at once.</param>
    public void Write(long id, long offset, ReadOnlySpan<byte> bytes, bool isSyncedNext = false)
    {
        Segment segment = _current is { } current && current.Entry.Id == id ? current : Find(id);
        IJournalFile file = segment.File ?? throw MqErrors.JournalBroken(Identity.Directory, $"segment {id} of the {Identity.Name} log is written after it was closed");
        if (!segment.IsDirty)
        {
            lock (_gate)
            {
                segment.IsDirty = true;
            }

            _dirty.Add(segment);
        }

        try
        {
            file.Write(bytes, offset, isSyncedNext);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed("write", Identity.PathOf(id), error);
        }
    }

    /// <summary>Syncs all files that were written since they were synced last.</summary>
    public void Sync()
    {
        foreach (Segment segment in _dirty)
        {
            try
            {
                segment.File!.SyncData();
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw MqErrors.FileFailed("sync", Identity.PathOf(segment.Entry.Id), error);
            }
        }

        lock (_gate)
        {
            foreach (Segment segment in _dirty)
            {
                segment.IsDirty = false;
            }
        }

        _dirty.Clear();
    }

    /// <summary>Writes a stretch again that is in the files but may not be on the disk, and syncs it: after a failed sync nothing else tells.</summary>
    /// <param name="from">Its first address.</param>
    /// <param name="until">The address behind it.</param>
    public void WriteAgain(long from, long until)
    {
        byte[] buffer = new byte[Math.Min(1 << 20, Identity.Sizes.PageBytes)];
        for (long address = from & -JournalDevice.SectorBytes; address < until;)
        {
            long id = Identity.SegmentOf(address);
            long end = Math.Min(Identity.PageEndOf(address), (until + JournalDevice.SectorBytes - 1) & -JournalDevice.SectorBytes);
            Span<byte> chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - address));
            int read = Read(id, address - Identity.BeginOf(id), chunk);
            if (read < 0)
            {
                address = Identity.BeginOf(id + 1); // lost, and being salvaged around
                continue;
            }

            Reopen(id);
            Write(id, address - Identity.BeginOf(id), chunk[..read]);
            address += chunk.Length;
        }

        Sync();
    }

    /// <summary>Reads from a segment.</summary>
    /// <param name="id">The segment.</param>
    /// <param name="offset">The position in it.</param>
    /// <param name="buffer">Where to put the bytes.</param>
    /// <returns>The bytes read; fewer at the end of a file that is too short; -1 if the segment is not there.</returns>
    public int Read(long id, long offset, Span<byte> buffer)
    {
        while (true)
        {
            IJournalFile? file = Rent(id);
            if (file is null)
            {
                return -1;
            }

            try
            {
                return file.Read(buffer, offset);
            }
            catch (ObjectDisposedException)
            {
                // Closed meanwhile, to keep the number of open files down or because the segment was released: the next look tells.
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw MqErrors.FileFailed("read", Identity.PathOf(id), error);
            }
        }
    }

    /// <summary>Keeps the files of released segments to be written again, or deletes them.</summary>
    /// <param name="ids">The segments, which no manifest mentions any more.</param>
    public void Recycle(List<long> ids)
    {
        foreach (long id in ids)
        {
            string path = Identity.PathOf(id);
            try
            {
                if (_spares.Count < _maxSpares)
                {
                    string spare = Identity.SparePathOf(id);
                    _files.Rename(path, spare);
                    _spares.Enqueue(spare);
                }
                else
                {
                    _files.Delete(path);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Costs room, and nothing else: the manifest does not mention the file, so the next opening deletes it.
            }
        }
    }

    /// <summary>Closes every handle.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (Segment segment in _segments.Values)
            {
                Close_NeedsGate(segment);
            }
        }

        _dirty.Clear();
        _current = null;
    }

    private bool TryTakeSpare(string path)
    {
        while (_spares.TryDequeue(out string? spare))
        {
            try
            {
                _files.Rename(spare, path);
                return true;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It may be gone. It is there for speed only, and must not keep the store from writing.
            }
        }

        return false;
    }

    /// <summary>Replaces a segment's handle by one that writes.</summary>
    private void Reopen(long id)
    {
        Segment segment = Find(id);
        if (segment.IsDirty)
        {
            return; // has been opened for this already
        }

        IJournalFile file = Try("open", Identity.PathOf(id), () => _files.Open(Identity.PathOf(id), create: false));
        lock (_gate)
        {
            Close_NeedsGate(segment);
            segment.File = file;
            _openFiles++;
        }
    }

    private Segment Find(long id)
    {
        lock (_gate)
        {
            return _segments.TryGetValue(id, out Segment? segment)
                ? segment
                : throw MqErrors.JournalBroken(Identity.Directory, $"segment {id} of the {Identity.Name} log is written and does not exist");
        }
    }

    private IJournalFile? Rent(long id)
    {
        lock (_gate)
        {
            if (!_segments.TryGetValue(id, out Segment? segment))
            {
                return null;
            }

            segment.LastUse = ++_useClock;
            if (segment.File is null)
            {
                CloseLeastUsed_NeedsGate();
                string path = Identity.PathOf(id);
                segment.File = Try("open", path, () => _files.OpenRead(path));
                _openFiles++;
            }

            return segment.File;
        }
    }

    private void CloseLeastUsed_NeedsGate()
    {
        if (_openFiles < MaxOpenFiles)
        {
            return;
        }

        Segment? least = null;
        foreach (Segment segment in _segments.Values)
        {
            if (segment.File is not null && !segment.IsDirty && segment != _current && (least is null || segment.LastUse < least.LastUse))
            {
                least = segment;
            }
        }

        if (least is not null)
        {
            Close_NeedsGate(least);
        }
    }

    private void Close_NeedsGate(Segment segment)
    {
        if (segment.File is not null)
        {
            segment.File.Dispose();
            segment.File = null;
            segment.IsDirty = false;
            _openFiles--;
        }
    }

    private static void Try(string action, string path, Action operation)
        => Try(action, path, () =>
        {
            operation();
            return true;
        });

    private static T Try<T>(string action, string path, Func<T> operation)
    {
        try
        {
            return operation();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed(action, path, error);
        }
    }

    private sealed class Segment(SegmentEntry entry)
    {
        public SegmentEntry Entry { get; set; } = entry;

        public IJournalFile? File { get; set; }

        public bool IsDirty { get; set; }

        public long LastUse { get; set; }
    }
}
