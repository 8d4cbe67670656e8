using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Where a queue sends its dead: the virtual host, which finds the exchange.</summary>
internal interface IDeadLetterTarget
{
    /// <summary>Publishes a dead message to the queue's dead-letter exchange. Called outside all gates, for one queue one at a time.</summary>
    /// <param name="queue">The queue that it died in.</param>
    /// <param name="settings">The queue's settings when it died.</param>
    /// <param name="entry">The message.</param>
    /// <param name="reason">Why it died.</param>
    /// <returns>Whether a queue took it.</returns>
    bool DeadLetter(Queue queue, QueueSettings settings, QueueEntry entry, DeathReason reason);
}
