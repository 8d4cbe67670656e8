namespace EmbeddedMq.Queues;

/// <summary>The keys of a policy's definition that have an effect.</summary>
internal static class PolicyKey
{
    /// <summary>As <see cref="QueueArgument.MessageTtl"/>.</summary>
    internal const string MessageTtl = "message-ttl";

    /// <summary>As <see cref="QueueArgument.Expires"/>.</summary>
    internal const string Expires = "expires";

    /// <summary>As <see cref="QueueArgument.MaxLength"/>.</summary>
    internal const string MaxLength = "max-length";

    /// <summary>As <see cref="QueueArgument.MaxLengthBytes"/>.</summary>
    internal const string MaxLengthBytes = "max-length-bytes";

    /// <summary>As <see cref="QueueArgument.Overflow"/>.</summary>
    internal const string Overflow = "overflow";

    /// <summary>As <see cref="QueueArgument.DeadLetterExchange"/>.</summary>
    internal const string DeadLetterExchange = "dead-letter-exchange";

    /// <summary>As <see cref="QueueArgument.DeadLetterRoutingKey"/>.</summary>
    internal const string DeadLetterRoutingKey = "dead-letter-routing-key";

    /// <summary>As <see cref="QueueArgument.DeliveryLimit"/>.</summary>
    internal const string DeliveryLimit = "delivery-limit";

    /// <summary>Of exchanges: where a message goes that no key routes.</summary>
    internal const string AlternateExchange = "alternate-exchange";
}
