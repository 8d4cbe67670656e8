namespace EmbeddedMq.Messages;

/// <summary>Where a message was first published to: copies in retry and dead-letter queues carry it in their headers.</summary>
internal static class MessageOrigin
{
    /// <summary>The exchange that a message was first published to.</summary>
    /// <param name="delivery">The delivery.</param>
    internal static string Exchange(in Delivery delivery)
        => delivery.Message.Headers.GetValueOrDefault(MessageHeaders.OriginalExchange) as string ?? delivery.Exchange;

    /// <summary>The routing key that a message was first published with.</summary>
    /// <param name="delivery">The delivery.</param>
    internal static string RoutingKey(in Delivery delivery)
        => delivery.Message.Headers.GetValueOrDefault(MessageHeaders.OriginalRoutingKey) as string ?? delivery.RoutingKey;
}
