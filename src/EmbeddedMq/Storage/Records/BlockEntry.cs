namespace EmbeddedMq.Storage.Records;

/// <summary>What a block says of a message in its queue.</summary>
/// <param name="Id">The id that the message had before; 0: none, for it was never stored.</param>
/// <param name="ExpiresUtcMs">When it expires, in milliseconds since 1970, UTC; <see cref="NoExpiry"/>: never.</param>
/// <param name="FailedDeliveries">How many deliveries failed, 0 or more.</param>
/// <param name="Redelivered">Whether it was handed over before.</param>
/// <param name="IsTransient">Whether it is gone after a restart.</param>
internal readonly record struct BlockEntry(
    StoredId Id, long ExpiresUtcMs = BlockEntry.NoExpiry, int FailedDeliveries = 0, bool Redelivered = false, bool IsTransient = false)
{
    /// <summary>It does not expire.</summary>
    internal const long NoExpiry = long.MaxValue;
}
