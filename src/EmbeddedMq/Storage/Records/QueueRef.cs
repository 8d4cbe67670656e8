namespace EmbeddedMq.Storage.Records;

/// <summary>A queue that holds a message.</summary>
/// <param name="QueueId">The queue's id in the store.</param>
/// <param name="TtlMs">How long the message may wait there, in milliseconds from the record's time; <see cref="NoTtl"/>: for ever.</param>
internal readonly record struct QueueRef(uint QueueId, long TtlMs = QueueRef.NoTtl)
{
    /// <summary>It does not expire.</summary>
    internal const long NoTtl = -1;

    /// <summary>The most that one takes in a record.</summary>
    internal const int MaxBytes = 5 + 9;
}
