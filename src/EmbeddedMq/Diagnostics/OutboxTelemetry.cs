namespace EmbeddedMq.Diagnostics;

/// <summary>What is counted of messages that are stored before they are sent.</summary>
internal static class OutboxTelemetry
{
    internal static readonly BrokerCounter Stored = new("embeddedmq.outbox.stored", "Messages that were stored to be sent.");

    internal static readonly BrokerCounter Sent = new("embeddedmq.outbox.sent", "Attempts at sending stored messages.");

    internal static readonly BrokerCounter Confirmed = new("embeddedmq.outbox.confirmed", "Stored messages that the broker has confirmed.");

    internal static readonly BrokerCounter Failed = new("embeddedmq.outbox.failed", "Stored messages that were given up.");
}
