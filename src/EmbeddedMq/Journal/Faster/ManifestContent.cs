namespace EmbeddedMq.Journal.Faster;

/// <summary>What a store remembers beside its records.</summary>
internal sealed record ManifestContent
{
    /// <summary>What marks the store's files and checksums as its own.</summary>
    public required uint StoreTag { get; init; }

    /// <summary>The opening that wrote it.</summary>
    public required uint Incarnation { get; init; }

    /// <summary>Nothing was appended after <see cref="LogState.SyncedUntil"/> of both logs.</summary>
    public required bool IsClean { get; init; }

    /// <summary>Where replay begins.</summary>
    public required CheckpointPoint Checkpoint { get; init; }

    /// <summary>The hot log.</summary>
    public required LogState Hot { get; init; }

    /// <summary>The cold log.</summary>
    public required LogState Cold { get; init; }
}
