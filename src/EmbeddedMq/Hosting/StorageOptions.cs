using EmbeddedMq.Journal;

namespace EmbeddedMq;

/// <summary>Where and how a broker stores. Read once, at the start.</summary>
public sealed class StorageOptions
{
    /// <summary>The directory that the broker stores in, made if it is not there; it is the broker's alone. A relative one begins at the process's
    /// current directory, which for a service is seldom the application's. Default <see langword="null"/>: the broker keeps everything in memory.</summary>
    public string? Directory { get; set; }

    /// <summary>What has happened to a persistent message when its publish is confirmed, and to a declaration when it returns. Default
    /// <see cref="Durability.Synced"/>. A publish can ask for another level with <see cref="PublishFlags"/>.</summary>
    public Durability Durability { get; set; } = Durability.Synced;

    /// <summary>Bytes of the journal beyond which long-lived messages are moved out of it, so that its space can be used again. 1 MiB to 1 TiB; less
    /// than four segments of 64 MiB gains nothing. Default 512 MiB. Opening a store reads about this much, and
    /// each message in it takes 16 bytes of memory.</summary>
    /// <remarks>They are moved beside those who publish. Where they do not go as fast as others come, publishers of persistent messages wait: when the
    /// journal has twice as many bytes and two segments more. What is released of it is kept to be written again, up to eight segments, until the disk is
    /// short of space.</remarks>
    public long JournalBytes { get; set; } = 512L << 20;

    /// <summary>Free bytes of the disk below which publishers wait; consuming and settling go on. 0 or more. Default 256 MiB.</summary>
    public long FreeSpaceWatermarkBytes { get; set; } = 256L << 20;

    /// <summary>Bytes of a file that is deleted when the disk is full, so that consuming and settling have room. 0 or more. Default 64 MiB.</summary>
    public long ReserveBytes { get; set; } = 64L << 20;

    /// <summary>For how long the broker remembers messages that idempotent consumers have processed, and messages of its outbox that were confirmed:
    /// one that comes again later counts as new. More than zero. Default 7 days.</summary>
    /// <remarks>What is remembered is 16 bytes of a hash over scope and id (SHA-256, its first half), not the id itself. Two ids with one hash would be
    /// taken for one message; by chance that does not happen.</remarks>
    public TimeSpan IdempotenceRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How many such messages the broker remembers; beyond it the oldest are forgotten before their time. 1 to 1,000,000,000. Default
    /// 1,000,000.</summary>
    /// <remarks>Below 1,000,000 they are in memory, 56 bytes each. From there on the newest are, 64 MiB of them, and the others in files beside the store that
    /// every start makes anew; an index of 11 to 22 bytes for each stays in memory. A message of the outbox counts twice. The bound is kept to about two
    /// thousand. Under native AOT they are in memory however many they are.</remarks>
    public long IdempotenceEntries { get; set; } = 1_000_000;

    /// <summary>Opens a damaged store with everything that is intact; the log lists what is not. Default <see langword="false"/>: a damaged store is
    /// refused. Make a copy of the directory first.</summary>
    public bool Salvage { get; set; }

    /// <summary>Opens the journal; replaced by tests.</summary>
    internal Func<JournalOptions, TimeProvider, CancellationToken, ValueTask<IJournal>>? OpenJournal { get; set; }
}
