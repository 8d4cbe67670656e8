namespace EmbeddedMq;

/// <summary>Where a message waits for its next attempt.</summary>
public enum RetryWait
{
    /// <summary>In the consumer for one that keeps keys in order, or whose queue the topology declares as exclusive, auto-delete or with an
    /// overflow that may refuse messages; else in a queue.</summary>
    Auto,

    /// <summary>In a queue <c>queue.retry.ms</c> whose messages expire back into the consumer's queue. The wait survives the process, takes
    /// no prefetch, and the message comes back behind those that arrived meanwhile. It comes back as a dead letter does: should the
    /// consumer's queue be gone or refuse it then, it is lost.</summary>
    Queue,

    /// <summary>In the consumer, unsettled: it takes one place of the prefetch, messages of the same key wait behind it, and a stop or a
    /// lost channel puts it back with its earlier count of attempts. So does a wait that is longer than the broker lets
    /// a delivery stay unsettled: a RabbitMQ server 30 minutes by default, an embedded broker what its limits say.</summary>
    Consumer,
}
