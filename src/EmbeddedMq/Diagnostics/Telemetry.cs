using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace EmbeddedMq.Diagnostics;

/// <summary>The activity source and the instruments, one of each a process.</summary>
/// <remarks>Names, units and histogram bounds: OpenTelemetry semantic conventions for messaging, spans and client metrics (status development).</remarks>
internal static class Telemetry
{
    private static readonly string? Version = typeof(Telemetry).Assembly.GetName().Version?.ToString(3);

    // The bounds that the conventions advise, in seconds.
    private static readonly InstrumentAdvice<double> DurationBounds = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    internal static readonly ActivitySource Source = new(EmbeddedMqDiagnostics.ActivitySourceName, Version);

    internal static readonly Meter Meter = new(EmbeddedMqDiagnostics.MeterName, Version);

    internal static readonly Counter<long> SentMessages = Meter.CreateCounter<long>(
        "messaging.client.sent.messages", "{message}", "Messages that a publisher attempted to send to the broker.");

    internal static readonly Counter<long> ConsumedMessages = Meter.CreateCounter<long>(
        "messaging.client.consumed.messages", "{message}", "Messages that were handed to a handler.");

    internal static readonly Histogram<double> OperationDuration = Meter.CreateHistogram(
        "messaging.client.operation.duration", "s", "Time from a publish to its confirm.", tags: null, DurationBounds);

    internal static readonly Histogram<double> ProcessDuration = Meter.CreateHistogram(
        "messaging.process.duration", "s", "Time that a message spent in its handler.", tags: null, DurationBounds);

    internal static readonly Histogram<double> CommitDuration = Meter.CreateHistogram(
        "embeddedmq.storage.commit.duration", "s", "Time that a publish waited for the disk; every sixteenth is measured.", tags: null, DurationBounds);

    internal static readonly UpDownCounter<long> ActiveHandlers = Meter.CreateUpDownCounter<long>(
        "embeddedmq.handlers.active", "{handler}", "Handlers that are running.");

    internal static readonly Counter<long> Settlements = Meter.CreateCounter<long>(
        "embeddedmq.handler.settlements", "{message}", "What became of messages after their handler.");

    internal static readonly Counter<long> IdempotenceChecks = Meter.CreateCounter<long>(
        "embeddedmq.idempotence.checks", "{message}", "What idempotent consumers found of their messages: processed now, duplicate, conflict, or busy elsewhere.");

    internal static readonly Counter<long> ConsumerRestarts = Meter.CreateCounter<long>(
        "embeddedmq.consumer.restarts", "{restart}", "Consumers that were started again after a failure.");

    internal static readonly Counter<long> RemainingAtStop = Meter.CreateCounter<long>(
        "embeddedmq.stop.remaining", "{message}", "Messages that consumers left when they stopped: ready in the queue, given back, or in a handler that did not end.");
}
