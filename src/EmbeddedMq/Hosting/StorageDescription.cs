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

    /// <summary>Whether publishers of persistent messages wait because the journal is longer than it may be: <see cref="StorageOptions.JournalBytes"/>.</summary>
    public bool IsJournalTooLong { get; init; }

    /// <summary>Files of the journal.</summary>
    public int JournalSegments { get; init; }

    /// <summary>Messages in the journal that queues hold; a message counts once for each queue.</summary>
    public long JournalMessages { get; init; }

    /// <summary>Bytes of the log of long-lived messages.</summary>
    public long BacklogBytes { get; init; }

    /// <summary>Files of the log of long-lived messages.</summary>
    public int BacklogSegments { get; init; }

    /// <summary>The share of <see cref="BacklogBytes"/> that belongs to messages which queues still hold, 0 to 1; 1 when there are none. After a restart it is
    /// an estimate. When less than half is alive, and that is more than two files of 64 MiB, what is alive is moved together and the rest given back.</summary>
    public double BacklogLiveShare { get; init; }

    /// <summary>Bytes appended and not yet written and synced.</summary>
    public long UncommittedBytes { get; init; }

    /// <summary>When the last checkpoint was written; <see langword="null"/>: none was since the start.</summary>
    public DateTimeOffset? LastCheckpoint { get; init; }

    /// <summary>Checkpoints that were written since the start.</summary>
    public long CheckpointsTotal { get; init; }

    /// <summary>Messages that were moved out of the journal since the start, because they live long; a message counts once for each queue.</summary>
    public long EvacuatedTotal { get; init; }

    /// <summary>Messages in the log of long-lived messages that were moved together since the start, because little else around them was alive.</summary>
    public long CompactedTotal { get; init; }

    /// <summary>How long a publish waited for the disk, the last time that was measured; zero: not yet.</summary>
    public TimeSpan LastCommitDuration { get; init; }
}
