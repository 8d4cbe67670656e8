namespace EmbeddedMq.Queues;

/// <summary>What a queue asks of the virtual host that holds it. Called outside all gates.</summary>
internal interface IQueueOwner : IDeadLetterTarget
{
    /// <summary>Deletes an auto-delete queue whose last consumer has gone, if that still holds.</summary>
    /// <param name="queue">The queue.</param>
    void DeleteUnused(Queue queue);

    /// <summary>Deletes a queue that nobody has used for its expiry time, if that still holds.</summary>
    /// <param name="queue">The queue.</param>
    void DeleteExpired(Queue queue);
}
