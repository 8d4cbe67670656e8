namespace EmbeddedMq;

/// <summary>How many messages an outbox holds.</summary>
/// <param name="Pending">Waiting to be sent.</param>
/// <param name="Sent">In somebody's hands.</param>
/// <param name="Failed">Given up.</param>
public readonly record struct OutboxCounts(long Pending, long Sent, long Failed)
{
    /// <summary>When the oldest of those was stored that are pending or sent; <see langword="null"/>: there is none, or the store does not tell.</summary>
    public DateTimeOffset? OldestAt { get; init; }
}
