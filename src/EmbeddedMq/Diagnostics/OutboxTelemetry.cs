using System.Diagnostics.Metrics;

namespace EmbeddedMq.Diagnostics;

/// <summary>What is counted of messages that are stored before they are sent. Thread-safe.</summary>
internal static class OutboxTelemetry
{
    private static readonly Counter<long> Stored = Telemetry.Meter.CreateCounter<long>(
        "embeddedmq.outbox.stored", "{message}", "Messages that were stored to be sent.");

    private static readonly Counter<long> Sent = Telemetry.Meter.CreateCounter<long>(
        "embeddedmq.outbox.sent", "{message}", "Attempts at sending stored messages.");

    private static readonly Counter<long> Confirmed = Telemetry.Meter.CreateCounter<long>(
        "embeddedmq.outbox.confirmed", "{message}", "Stored messages that the broker has confirmed.");

    private static readonly Counter<long> Failed = Telemetry.Meter.CreateCounter<long>(
        "embeddedmq.outbox.failed", "{message}", "Stored messages that were given up.");

    /// <summary>Counts a message that was stored.</summary>
    /// <param name="broker">The broker's name.</param>
    internal static void RecordStored(string broker) => Add(Stored, broker, 1);

    /// <summary>Counts an attempt at sending.</summary>
    /// <param name="broker">The broker's name.</param>
    internal static void RecordSent(string broker) => Add(Sent, broker, 1);

    /// <summary>Counts messages that were noted as confirmed.</summary>
    /// <param name="broker">The broker's name.</param>
    /// <param name="messages">How many.</param>
    internal static void RecordConfirmed(string broker, int messages) => Add(Confirmed, broker, messages);

    /// <summary>Counts a message that was given up.</summary>
    /// <param name="broker">The broker's name.</param>
    internal static void RecordFailed(string broker) => Add(Failed, broker, 1);

    private static void Add(Counter<long> counter, string broker, long messages)
    {
        if (counter.Enabled)
        {
            counter.Add(messages, new KeyValuePair<string, object?>(TelemetryTags.Broker, broker));
        }
    }
}
