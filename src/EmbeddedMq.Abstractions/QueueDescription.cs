namespace EmbeddedMq;

/// <summary>A queue as a listing shows it. Counts are of messages; totals are since the queue was declared.</summary>
/// <param name="Declaration">What it was declared with.</param>
public sealed record QueueDescription(QueueDeclaration Declaration)
{
    /// <summary>Its name.</summary>
    public string Name => Declaration.Name;

    /// <summary>The policy that applies to it, or <see langword="null"/>.</summary>
    public string? Policy { get; init; }

    /// <summary>Messages ready for delivery.</summary>
    public long ReadyCount { get; init; }

    /// <summary>Bytes of the ready bodies.</summary>
    public long ReadyBytes { get; init; }

    /// <summary>Those of the ready messages that are on disk only, because they do not fit into memory; 0 for a queue that is all in memory.</summary>
    public long AwayCount { get; init; }

    /// <summary>Bytes of the bodies that are on disk only. Right after a restart an estimate, which is put right as they are read.</summary>
    public long AwayBytes { get; init; }

    /// <summary>Why the next messages cannot be read from disk at the moment, or <see langword="null"/>. It is tried again; until then nothing is
    /// delivered, and nothing is passed over.</summary>
    public string? ReadError { get; init; }

    /// <summary>Messages handed over and not settled yet.</summary>
    public long UnackedCount { get; init; }

    /// <summary>Publishes that wait for room (overflow <c>block-publisher</c>).</summary>
    public int WaitingPublishCount { get; init; }

    /// <summary>Consumers.</summary>
    public int ConsumerCount { get; init; }

    /// <summary>The tag of the one consumer that receives, in a queue with a single active consumer.</summary>
    public string? ActiveConsumerTag { get; init; }

    /// <summary>Total taken in, by publish or by dead-lettering from elsewhere.</summary>
    public long EnqueuedTotal { get; init; }

    /// <summary>Total settled as processed: acknowledged, or taken with auto-ack.</summary>
    public long AckedTotal { get; init; }

    /// <summary>Total put back for another delivery.</summary>
    public long RequeuedTotal { get; init; }

    /// <summary>Total that left as dead and reached another queue through the dead-letter exchange.</summary>
    public long DeadLetteredTotal { get; init; }

    /// <summary>Total that left as dead and reached no other queue: without a dead-letter exchange, or with one that routed it nowhere.</summary>
    public long DroppedTotal { get; init; }

    /// <summary>Total removed by purge.</summary>
    public long PurgedTotal { get; init; }

    /// <summary>Total of publishes refused because the queue was full.</summary>
    public long RejectedPublishTotal { get; init; }
}
