namespace EmbeddedMq.Messages;

/// <summary>The queue that an entry belongs to, as those see it who settle the entry.</summary>
/// <remarks>Thread-safe. Only entries that were acquired are given, each once.</remarks>
internal interface IEntryOwner
{
    /// <summary>The queue's name.</summary>
    string Name { get; }

    /// <summary>Whether deliveries carry the header <c>x-delivery-count</c>: quorum queues show it.</summary>
    bool ShowsDeliveryCount { get; }

    /// <summary>Settles an entry as processed.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="isCounted">Whether the consumer that had it has counted the acknowledgement.</param>
    void Acknowledge(QueueEntry entry, bool isCounted = false);

    /// <summary>Settles an entry as not processed: it is dead-lettered as rejected, or dropped.</summary>
    /// <param name="entry">The entry.</param>
    void Reject(QueueEntry entry);
}
