namespace EmbeddedMq;

/// <summary>The names of the arguments that queues know.</summary>
public static class QueueArgument
{
    /// <summary>Time to live of every message, in milliseconds.</summary>
    public const string MessageTtl = "x-message-ttl";

    /// <summary>Idle time after which the queue is deleted, in milliseconds.</summary>
    public const string Expires = "x-expires";

    /// <summary>Most ready messages.</summary>
    public const string MaxLength = "x-max-length";

    /// <summary>Most bytes of ready bodies.</summary>
    public const string MaxLengthBytes = "x-max-length-bytes";

    /// <summary>What happens beyond: <c>drop-head</c>, <c>reject-publish</c>, <c>reject-publish-dlx</c> or <c>block-publisher</c>.</summary>
    public const string Overflow = "x-overflow";

    /// <summary>Where dead messages go.</summary>
    public const string DeadLetterExchange = "x-dead-letter-exchange";

    /// <summary>Their routing key; without it they keep their own.</summary>
    public const string DeadLetterRoutingKey = "x-dead-letter-routing-key";

    /// <summary>Highest priority, 0 to 255; 0 means none.</summary>
    public const string MaxPriority = "x-max-priority";

    /// <summary>Whether one consumer at a time receives.</summary>
    public const string SingleActiveConsumer = "x-single-active-consumer";

    /// <summary>How many failed deliveries a message may have.</summary>
    public const string DeliveryLimit = "x-delivery-limit";

    /// <summary>Queue type: <c>classic</c> or <c>quorum</c>.</summary>
    public const string QueueType = "x-queue-type";
}
