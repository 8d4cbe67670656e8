namespace EmbeddedMq;

/// <summary>What a broker's storage looks like at present. A snapshot.</summary>
/// <param name="Directory">The data directory.</param>
/// <param name="State">What it can do.</param>
public sealed record StorageDescription(string Directory, StorageState State)
{
    /// <summary>Why <see cref="State"/> is not <see cref="StorageState.Open"/>; <see langword="null"/> when it is.</summary>
    public string? Reason { get; init; }

    /// <summary>What confirms wait for.</summary>
    public Durability Durability { get; init; }

    /// <summary>Bytes between the begin and the end of the journal.</summary>
    public long JournalBytes { get; init; }

    /// <summary>Files of the journal.</summary>
    public int JournalSegments { get; init; }

    /// <summary>Messages in the journal that queues hold; a message counts once for each queue.</summary>
    public long JournalMessages { get; init; }

    /// <summary>Bytes between the begin and the end of the log of long-lived messages, files that were released in between included.</summary>
    public long BacklogBytes { get; init; }

    /// <summary>Files of the log of long-lived messages.</summary>
    public int BacklogSegments { get; init; }

    /// <summary>The share of those files that queues still need, 0 to 1; 1 when there is none.</summary>
    public double BacklogLiveShare { get; init; }

    /// <summary>Bytes appended and not yet written and synced.</summary>
    public long UncommittedBytes { get; init; }

    /// <summary>When the last checkpoint was written; <see langword="null"/>: none was since the start.</summary>
    public DateTimeOffset? LastCheckpoint { get; init; }

    /// <summary>How long a publish waited for the disk, the last time that was measured; zero: not yet.</summary>
    public TimeSpan LastCommitDuration { get; init; }
}
