using EmbeddedMq.Threading;

namespace EmbeddedMq.Queues;

/// <summary>Totals of one queue since it was declared. They account for every message: what came in is settled, gone by policy, or still there.</summary>
/// <remarks>Guarded by the queue's gate, but for the acknowledged, which are counted without it.</remarks>
internal sealed class QueueCounters
{
    private LoneCounter _acknowledged; // beside what publishers write with each message

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

    /// <summary>Settled as processed.</summary>
    internal long Acknowledged => _acknowledged.Value;

    /// <summary>Handed over and not settled yet.</summary>
    internal long Unacked => Acquired - Requeued - DiedAcquired - Acknowledged;

    /// <summary>Counts one acknowledgement. Thread-safe.</summary>
    internal void AddAcknowledged() => _acknowledged.Increment();
}
