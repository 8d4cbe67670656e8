using EmbeddedMq.Queues;

namespace EmbeddedMq.Outbox;

/// <summary>What waits behind a message of its order key that has failed, and had to make room in memory: a queue of its own. Guarded by the store's gate.</summary>
/// <param name="queue">The queue.</param>
internal sealed class WaitingLine(Queue queue)
{
    /// <summary>The queue: it is ahead of whatever else is stored of this key, but for the message that failed.</summary>
    public Queue Queue => queue;

    /// <summary>Whether what comes of this key goes to the end of it.</summary>
    public bool IsOpen { get; set; }

    /// <summary>How many messages are in it and not in memory, with those that are being moved to it.</summary>
    public long Count { get; set; }

    /// <summary>How many of its messages are in memory.</summary>
    public int LoadedCount { get; set; }

    /// <summary>When the first that is not in memory was stored, or one that was before it. Unknown after a restart, until one has been in memory.</summary>
    public DateTimeOffset? OldestAt { get; set; }
}
