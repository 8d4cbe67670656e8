namespace EmbeddedMq.Queues;

/// <summary>Totals of one queue since it was declared. They account for every message: what came in is settled, gone by policy, or still there.</summary>
/// <remarks>Guarded by the queue's gate, but for the acknowledged, which are counted without it; most of those are counted by the consumers
/// themselves, as long as they are the queue's. Used in place, and not copied.</remarks>
internal struct QueueCounters
{
    private long _acknowledged; // interlocked

    /// <summary>The position of the message that came last.</summary>
    internal ulong LastSequence { get; set; }

    /// <summary>Taken in.</summary>
    internal long Enqueued { get; set; }

    /// <summary>Handed over, each time it happened.</summary>
    internal long Acquired { get; set; }

    /// <summary>Put back.</summary>
    internal long Requeued { get; set; }

    /// <summary>Left after they had been handed over, otherwise than by acknowledgement: rejected, over the delivery limit, or with the queue.</summary>
    internal long DiedAcquired { get; set; }

    /// <summary>Left as dead, and a queue took them.</summary>
    internal long DeadLettered { get; set; }

    /// <summary>Left as dead, and no queue took them.</summary>
    internal long Dropped { get; set; }

    /// <summary>Removed by purge.</summary>
    internal long Purged { get; set; }

    /// <summary>Publishes refused.</summary>
    internal long Rejected { get; set; }

    /// <summary>Settled as processed, but for what present consumers have counted.</summary>
    internal readonly long Acknowledged => Volatile.Read(in _acknowledged);

    /// <summary>Counts acknowledgements. Thread-safe.</summary>
    /// <param name="count">How many.</param>
    internal void AddAcknowledged(long count) => Interlocked.Add(ref _acknowledged, count);
}
