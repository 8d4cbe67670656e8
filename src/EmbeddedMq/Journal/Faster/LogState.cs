namespace EmbeddedMq.Journal.Faster;

/// <summary>What a store remembers of one log beside its records.</summary>
internal sealed record LogState
{
    /// <summary>The size of its pages.</summary>
    public required int PageBytes { get; init; }

    /// <summary>The size of its segments.</summary>
    public required long SegmentBytes { get; init; }

    /// <summary>Where the synced records end; the address of a record or behind the last one.</summary>
    public required long SyncedUntil { get; init; }

    /// <summary>The last record that was synced: it and all before it must be there.</summary>
    public required long SyncedLsn { get; init; }

    /// <summary>The number of the next segment: numbers, and so addresses, are never used twice, even when all segments have been released.</summary>
    public required long NextSegment { get; init; }

    /// <summary>The segments that must be there.</summary>
    public required IReadOnlyList<SegmentEntry> Segments { get; init; }
}
