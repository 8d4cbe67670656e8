namespace EmbeddedMq.Journal;

/// <summary>How a store on disk is laid out and when it stops taking more.</summary>
internal sealed class JournalOptions
{
    /// <summary>The store's own directory; made if it is not there. Nothing else may be in it.</summary>
    public required string Directory { get; init; }

    /// <summary>The hot log: pages of 4 MB, 32 MB of memory, segments of 64 MB.</summary>
    public LogSizes Hot { get; init; } = new() { PageBytes = 4 << 20, MemoryBytes = 32 << 20, SegmentBytes = 64 << 20 };

    /// <summary>The cold log: pages of 4 MB, 16 MB of memory, segments of 64 MB.</summary>
    public LogSizes Cold { get; init; } = new() { PageBytes = 4 << 20, MemoryBytes = 16 << 20, SegmentBytes = 64 << 20 };

    /// <summary>How many bytes of a log may be appended and not committed before <see cref="IAppendLog.HasRoom"/> is false. 8 MB by default:
    /// more gains no throughput and costs latency. Less than the log's memory.</summary>
    public long MaxUncommittedBytes { get; init; } = 8 << 20;

    /// <summary>Below how many free bytes on the disk the store is <see cref="JournalState.LowSpace"/>. 256 MB by default; 0 for never.</summary>
    public long FreeSpaceWatermarkBytes { get; init; } = 256 << 20;

    /// <summary>The size of a file that is there only to be deleted when the disk is full, so that settles and checkpoints go on. 64 MB by
    /// default; 0 for none.</summary>
    public long BallastBytes { get; init; } = 64 << 20;

    /// <summary>The size of each of the manifest's two slots, which bounds the number of segments: 16 bytes each. 256 KB by default,
    /// for 1 TB in segments of 64 MB.</summary>
    public int ManifestSlotBytes { get; init; } = 256 << 10;

    /// <summary>How many files of released segments the hot log keeps to be written again, while the disk has room: 8 by default, as many as it grows to before
    /// messages move. Writing over old blocks syncs 1.7 times faster. The cold log, whose syncs nobody waits for, keeps 2 at most.</summary>
    public int SpareSegments { get; init; } = 8;

    /// <summary>Whether a log under load makes the file of its next segment ahead, where none was released: see <see cref="Faster.SpareMaker"/>. False by
    /// default: a second thread that writes files makes it a matter of turns which operation a test's disk fails.</summary>
    public bool MakesSpares { get; init; }

    /// <summary>Opens a damaged store with all that is intact, and lists the rest in <see cref="JournalRecovery.Damage"/>.</summary>
    public bool Salvage { get; init; }

    /// <summary>Marks a new store's files as its own; <see langword="null"/> picks one at random. For tests that must repeat.</summary>
    public uint? StoreTag { get; init; }
}
