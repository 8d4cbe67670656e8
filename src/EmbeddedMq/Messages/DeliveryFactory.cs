namespace EmbeddedMq.Messages;

/// <summary>Makes what an application receives out of what a queue holds.</summary>
internal static class DeliveryFactory
{
    /// <summary>The header with keys that no receiver sees.</summary>
    internal const string BlindCopyHeader = "BCC";

    private const string DeliveryCountHeader = "x-delivery-count";

    /// <summary>Makes a delivery. The message is shared unless a header has to come or go.</summary>
    /// <param name="entry">The message in its queue.</param>
    /// <param name="tag">The delivery tag.</param>
    /// <param name="consumerTag">The consumer, or <see langword="null"/> for a get.</param>
    /// <param name="failedDeliveries">How many deliveries failed before.</param>
    /// <param name="redelivered">Whether it was handed over before.</param>
    internal static Delivery Create(QueueEntry entry, ulong tag, string? consumerTag, int failedDeliveries, bool redelivered)
    {
        Message message = entry.Message;
        if (message.Properties.Headers is { } headers && headers.ContainsKey(BlindCopyHeader))
        {
            message = message.WithProperties(message.Properties with { Headers = headers.Without(BlindCopyHeader) });
        }

        if (failedDeliveries > 0 && entry.Owner.ShowsDeliveryCount)
        {
            message = message.WithProperties(message.Properties.WithHeader(DeliveryCountHeader, (long)failedDeliveries));
        }

        return new Delivery(message, entry.Exchange, entry.RoutingKey, tag, consumerTag, redelivered, failedDeliveries);
    }
}
