using System.Diagnostics.Metrics;

namespace EmbeddedMq.Diagnostics;

/// <summary>What is counted of delayed second confirmation. Thread-safe.</summary>
internal static class CheckTelemetry
{
    private static readonly Counter<long> Confirmed = Telemetry.Meter.CreateCounter<long>(
        "embeddedmq.checks.confirmed", "{message}", "Messages whose processing was confirmed.");

    private static readonly Counter<long> Resent = Telemetry.Meter.CreateCounter<long>(
        "embeddedmq.checks.resent", "{message}", "Messages that their producer has sent again.");

    private static readonly Counter<long> Settled = Telemetry.Meter.CreateCounter<long>(
        "embeddedmq.checks.settled", "{message}", "Messages that nobody confirmed and that their producer called settled.");

    private static readonly Counter<long> Failed = Telemetry.Meter.CreateCounter<long>(
        "embeddedmq.checks.failed", "{message}", "Messages that nobody confirmed and that were given up.");

    /// <summary>Counts a message that was confirmed for the first time.</summary>
    /// <param name="broker">The broker's name.</param>
    internal static void RecordConfirmed(string broker) => Add(Confirmed, broker);

    /// <summary>Counts an answer of a producer.</summary>
    /// <param name="broker">The broker's name.</param>
    /// <param name="isResent">What it did.</param>
    internal static void RecordAnswered(string broker, bool isResent) => Add(isResent ? Resent : Settled, broker);

    /// <summary>Counts a message that was given up.</summary>
    /// <param name="broker">The broker's name.</param>
    internal static void RecordFailed(string broker) => Add(Failed, broker);

    private static void Add(Counter<long> counter, string broker) => counter.Add(1, new KeyValuePair<string, object?>(TelemetryTags.Broker, broker));
}
