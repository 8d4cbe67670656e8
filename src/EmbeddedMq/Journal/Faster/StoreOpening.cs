using EmbeddedMq.Errors;

namespace EmbeddedMq.Journal.Faster;

/// <summary>Opens the directory of a store: says what is there, refuses what it cannot answer for, and finds the ends of both logs.</summary>
/// <remarks>For the journal's thread, once. Changes nothing on the disk but what is needed to hold the lock.</remarks>
internal sealed class StoreOpening
{
    /// <summary>The file that a process locks as long as it has the store open.</summary>
    public const string LockName = "LOCK";

    /// <summary>The file that takes up room to be given back when the disk is full.</summary>
    public const string BallastName = "BALLAST";

    private const int MostColdSpares = 2;

    private readonly JournalOptions _options;
    private readonly IJournalFiles _files;
    private readonly List<DamagedRegion> _damage = [];
    private readonly List<string> _garbage = [];

    /// <summary>Prepares to open a store.</summary>
    /// <param name="options">The options.</param>
    /// <param name="files">The file system.</param>
    public StoreOpening(JournalOptions options, IJournalFiles files)
    {
        _options = options;
        _files = files;
    }

    /// <summary>What the manifest said; of a new store, what it is going to say.</summary>
    public ManifestContent Content { get; private set; } = null!;

    /// <summary>The manifest; <see langword="null"/> if there is none yet.</summary>
    public ManifestFile? Manifest { get; private set; }

    /// <summary>The hot log's files.</summary>
    public SegmentFiles HotFiles { get; private set; } = null!;

    /// <summary>The cold log's files.</summary>
    public SegmentFiles ColdFiles { get; private set; } = null!;

    /// <summary>What was found of the hot log.</summary>
    public RecoveredLog Hot { get; private set; }

    /// <summary>What was found of the cold log.</summary>
    public RecoveredLog Cold { get; private set; }

    /// <summary>The files that are nobody's any more, to be deleted once a new manifest has been written.</summary>
    public IReadOnlyList<string> Garbage => _garbage;

    /// <summary>What to tell the owner.</summary>
    public JournalRecovery Recovery { get; private set; } = new();

    /// <summary>Reads everything.</summary>
    /// <exception cref="JournalException">The store cannot be opened; nothing was changed.</exception>
    public void Run()
    {
        string directory = _options.Directory;
        IReadOnlyList<string> names = List(directory);
        List<string> segmentNames = Classify(directory, names);
        string manifestPath = Path.Combine(directory, ManifestFile.FileName);
        bool isNew = false;
        if (names.Contains(ManifestFile.FileName))
        {
            OpenManifest(directory, segmentNames);
        }
        else if (segmentNames.Count == 0)
        {
            isNew = true;
            Content = NewContent(_options.StoreTag ?? BitConverter.ToUInt32(Guid.NewGuid().ToByteArray()));
        }
        else if (_options.Salvage)
        {
            RebuildManifest(manifestPath, segmentNames);
        }
        else
        {
            throw MqErrors.ManifestMissing(manifestPath);
        }

        CheckSizes(manifestPath, "hot", Content.Hot, _options.Hot);
        CheckSizes(manifestPath, "cold", Content.Cold, _options.Cold);
        HotFiles = new SegmentFiles(_files, new LogIdentity(directory, "hot", 0, Content.StoreTag, _options.Hot), _options.SpareSegments);
        ColdFiles = new SegmentFiles(_files, new LogIdentity(directory, "cold", 1, Content.StoreTag, _options.Cold), Math.Min(_options.SpareSegments, MostColdSpares));
        HashSet<string> unclaimed = [.. segmentNames];
        long freeHot = Load(HotFiles, Content.Hot, unclaimed);
        long freeCold = Load(ColdFiles, Content.Cold, unclaimed);
        if (unclaimed.Count > 0)
        {
            throw MqErrors.ForeignFile(Path.Combine(directory, unclaimed.First()));
        }

        // Hot records are replayed from the begin, so all are checked. The cold log can be large; what had been synced is checked when it is read.
        Hot = Recover(HotFiles, Content.Hot, freeHot, readAll: true);
        Cold = Recover(ColdFiles, Content.Cold, freeCold, readAll: false);
        Recovery = new JournalRecovery
        {
            IsNew = isNew,
            WasCleanStop = Content.IsClean,
            TornBytes = Hot.TornBytes + Cold.TornBytes,
            Records = Hot.Records + Cold.Records,
            HotEnd = Hot.End,
            Damage = _damage,
        };
    }

    /// <summary>Closes what is open, when the opening has failed.</summary>
    public void Abandon()
    {
        Manifest?.Dispose();
        HotFiles?.Dispose();
        ColdFiles?.Dispose();
    }

    private IReadOnlyList<string> List(string directory)
    {
        try
        {
            return _files.List(directory);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed("list", directory, error);
        }
    }

    private static List<string> Classify(string directory, IReadOnlyList<string> names)
    {
        List<string> segments = [];
        foreach (string name in names)
        {
            if (LogIdentity.TryReadTag(name, "hot", out _) || LogIdentity.TryReadTag(name, "cold", out _))
            {
                segments.Add(name);
            }
            else if (name is not (LockName or BallastName or ManifestFile.FileName or ManifestFile.NewFileName or FasterReceiptIndex.DirectoryName + "/" or "lost+found/"))
            {
                // Deleting or ignoring it would be a guess at what somebody else wants here.
                throw MqErrors.ForeignFile(Path.Combine(directory, name));
            }
        }

        return segments;
    }

    private void OpenManifest(string directory, List<string> segmentNames)
    {
        try
        {
            Manifest = ManifestFile.Open(_files, directory, out ManifestContent content);
            Content = content;
        }
        catch (JournalException) when (_options.Salvage && segmentNames.Count > 0)
        {
            RebuildManifest(Path.Combine(directory, ManifestFile.FileName), segmentNames);
        }
    }

    private void RebuildManifest(string path, List<string> segmentNames)
    {
        List<uint> tags = [];
        foreach (string name in segmentNames)
        {
            if (LogIdentity.TryReadTag(name, "hot", out uint tag) || LogIdentity.TryReadTag(name, "cold", out tag))
            {
                tags.Add(tag);
            }
        }

        // Of several stores' files mixed up, those of the others are refused as foreign afterwards.
        Content = NewContent(tags.GroupBy(tag => tag).OrderByDescending(group => group.Count()).First().Key);
        _damage.Add(new DamagedRegion(path, 0, 0, "it could not be read; the store was put together from its log files, without a checkpoint"));
    }

    private ManifestContent NewContent(uint tag) => new()
    {
        StoreTag = tag,
        Incarnation = 0,
        IsClean = false,
        Checkpoint = default,
        Hot = NewLog(_options.Hot),
        Cold = NewLog(_options.Cold),
    };

    private static LogState NewLog(LogSizes sizes) => new()
    {
        PageBytes = sizes.PageBytes,
        SegmentBytes = sizes.SegmentBytes,
        SyncedUntil = 0,
        SyncedLsn = 0,
        NextSegment = 1,
        Segments = [],
    };

    private static void CheckSizes(string path, string log, LogState stored, LogSizes wanted)
    {
        if (stored.PageBytes != wanted.PageBytes || stored.SegmentBytes != wanted.SegmentBytes)
        {
            throw MqErrors.OtherSizes(path, log, stored.PageBytes, stored.SegmentBytes);
        }
    }

    /// <summary>Compares the segments that must be there with the files that are there.</summary>
    /// <returns>The first number above all files, whatever they are.</returns>
    private long Load(SegmentFiles files, LogState known, HashSet<string> unclaimed)
    {
        SortedSet<long> present = [];
        foreach (string name in unclaimed.ToArray())
        {
            if (files.Identity.TryParse(name, out long id, out SegmentFileKind kind))
            {
                unclaimed.Remove(name);
                string path = Path.Combine(files.Identity.Directory, name);
                if (kind == SegmentFileKind.Segment)
                {
                    present.Add(id);
                }
                else if (kind == SegmentFileKind.Spare && LengthOf(path) == files.Identity.Sizes.SegmentBytes)
                {
                    files.AddSpare(path);
                }
                else
                {
                    _garbage.Add(path); // not finished, or something else that has a spare's name: a segment is made of it only where it is as long
                }
            }
        }

        long free = present.Count == 0 ? 1 : present.Max + 1;
        foreach (SegmentEntry entry in known.Segments)
        {
            if (present.Remove(entry.Id))
            {
                CheckLength(files, entry.Id);
                files.Add(entry);
            }
            else
            {
                Damaged(MqErrors.SegmentMissing(files.Identity.PathOf(entry.Id)), files.Identity, entry);
            }
        }

        foreach (long id in present)
        {
            // Newer than the manifest: made just before the end, or the manifest's last slot is damaged. Older: released just before the end.
            if (id >= known.NextSegment && LengthOf(files.Identity.PathOf(id)) == known.SegmentBytes)
            {
                files.Add(new SegmentEntry(id, 0, 0));
            }
            else
            {
                _garbage.Add(files.Identity.PathOf(id));
            }
        }

        return free;
    }

    private void CheckLength(SegmentFiles files, long id)
    {
        long length = LengthOf(files.Identity.PathOf(id));
        if (length != files.Identity.Sizes.SegmentBytes)
        {
            Damaged(
                MqErrors.SegmentTruncated(files.Identity.PathOf(id), length, files.Identity.Sizes.SegmentBytes),
                files.Identity, new SegmentEntry(id, 0, 0));
            SetLength(files, id);
        }
    }

    // Of a salvaged store: the next opening shall find the length right; what is missing of the content is no record either way.
    private void SetLength(SegmentFiles files, long id)
    {
        string path = files.Identity.PathOf(id);
        try
        {
            using IJournalFile file = _files.Open(path, create: false);
            file.Allocate(files.Identity.Sizes.SegmentBytes);
            file.SyncData();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed("make room for", path, error);
        }
    }

    private long LengthOf(string path)
    {
        try
        {
            using IJournalFile file = _files.OpenRead(path);
            return file.Length;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw MqErrors.FileFailed("open", path, error);
        }
    }

    private void Damaged(JournalException error, LogIdentity identity, SegmentEntry entry)
    {
        if (!_options.Salvage)
        {
            throw error;
        }

        _damage.Add(new DamagedRegion(identity.PathOf(entry.Id), identity.BeginOf(entry.Id), identity.BeginOf(entry.Id + 1), error.ReplyText));
    }

    private RecoveredLog Recover(SegmentFiles files, LogState known, long freeSegment, bool readAll)
    {
        SegmentEntry[] segments = files.Snapshot();
        long begin = segments.Length == 0 ? files.Identity.BeginOf(known.NextSegment) : files.Identity.BeginOf(segments[0].Id);
        bool fromBegin = readAll || known.SyncedUntil < begin;
        long from = fromBegin ? begin : known.SyncedUntil;
        long expected = !fromBegin ? known.SyncedLsn + 1
            : segments.Length > 0 && segments[0].FirstLsn != 0 ? segments[0].FirstLsn
            : known.Segments.Count == 0 ? known.SyncedLsn + 1
            : 0;
        if (_options.Salvage && Manifest is null && fromBegin)
        {
            expected = 0;
        }

        List<long> dropped = [];
        RecoveredLog recovered = RecoveredLog.Recover(files, known, from, expected, _options.Salvage, _damage, dropped);
        _garbage.AddRange(dropped.Select(files.Identity.PathOf));
        return recovered with { NextSegment = Math.Max(recovered.NextSegment, freeSegment) };
    }
}
