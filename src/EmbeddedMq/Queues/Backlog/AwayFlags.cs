namespace EmbeddedMq.Queues;

/// <summary>What is remembered in memory of a message that is only on disk. The queue hands it back as it got it; the store gives it its meaning.</summary>
/// <remarks>The upper 24 bits are the store's own.</remarks>
[Flags]
internal enum AwayFlags : uint
{
    /// <summary>Nothing particular.</summary>
    None = 0,

    /// <summary>It is of no use after a restart.</summary>
    Transient = 1,

    /// <summary>It was handed over before.</summary>
    Redelivered = 2,
}
