namespace EmbeddedMq;

/// <summary>Why a queue dead-lettered a message. The names in <c>x-death</c> are RabbitMQ's.</summary>
public enum DeathReason
{
    /// <summary>Rejected by a consumer without requeue: <c>rejected</c>.</summary>
    Rejected,

    /// <summary>Its time to live was over: <c>expired</c>.</summary>
    Expired,

    /// <summary>The queue was full: <c>maxlen</c>.</summary>
    MaxLength,

    /// <summary>Returned to the queue more often than allowed: <c>delivery_limit</c>.</summary>
    DeliveryLimit,
}
