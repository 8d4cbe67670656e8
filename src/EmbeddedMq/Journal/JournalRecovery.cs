namespace EmbeddedMq.Journal;

/// <summary>What was found when the store was opened.</summary>
internal sealed record JournalRecovery
{
    /// <summary>Nothing was there: the store is new.</summary>
    public bool IsNew { get; init; }

    /// <summary>The last owner stopped in order (<see cref="IJournal.MarkCleanStop"/>): nothing was appended after its last commit.</summary>
    public bool WasCleanStop { get; init; }

    /// <summary>The bytes behind the last good record of both logs: written, but by no commit that completed as synced.</summary>
    public long TornBytes { get; init; }

    /// <summary>The records that were checked.</summary>
    public long Records { get; init; }

    /// <summary>Where the hot log's records of earlier openings end.</summary>
    public long HotEnd { get; init; }

    /// <summary>What could not be read; only a store opened to salvage has any.</summary>
    public IReadOnlyList<DamagedRegion> Damage { get; init; } = [];
}
