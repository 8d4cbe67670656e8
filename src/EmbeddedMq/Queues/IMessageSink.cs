using EmbeddedMq.Bindings;

namespace EmbeddedMq.Queues;

/// <summary>A destination that takes messages itself: a queue, or something that poses as one.</summary>
internal interface IMessageSink : IDestination
{
    /// <summary>Takes a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key of that publish.</param>
    /// <param name="storedAt">Its id in the journal, for the queues that the journal has it for; 0: it is not stored.</param>
    /// <param name="pending">The publish, if something has kept it waiting; made by the sink that is the first to do so.</param>
    EnqueueOutcome Enqueue(Message message, string exchange, string routingKey, ulong storedAt, ref PendingPublish? pending);
}
