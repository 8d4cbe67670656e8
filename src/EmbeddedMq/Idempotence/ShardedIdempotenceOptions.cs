namespace EmbeddedMq;

/// <summary>How <see cref="ShardedIdempotenceStore"/> spreads messages. Not thread-safe; read once, when the store is made.</summary>
public sealed class ShardedIdempotenceOptions
{
    /// <summary>The shards by name. A shard's name decides which messages it gets, so it never changes, wherever its data move.</summary>
    public IDictionary<string, IIdempotenceStore> Stores { get; } = new Dictionary<string, IIdempotenceStore>(StringComparer.Ordinal);

    /// <summary>The layouts that were, are and will be used, the oldest first. None: one layout of all stores, for ever.</summary>
    /// <remarks>To add or remove a shard, add a layout; leave the one before it in for <see cref="Overlap"/> and <see cref="Retention"/> after the new one
    /// begins. It may begin in the future, so that all instances have heard of it by then.</remarks>
    public IList<ShardLayout> Layouts { get; } = [];

    /// <summary>For how long the shards remember: so long are they asked for messages that have moved away from them. More than zero. Default 7 days.</summary>
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>For how long after a layout began instances may still run that do not know of it, or whose clocks are behind. Zero or more. Default 1 hour.</summary>
    public TimeSpan Overlap { get; set; } = TimeSpan.FromHours(1);

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;
}
