namespace EmbeddedMq.Diagnostics;

/// <summary>What is counted of delayed second confirmation.</summary>
internal static class CheckTelemetry
{
    internal static readonly BrokerCounter Confirmed = new("embeddedmq.checks.confirmed", "Messages whose processing was confirmed.");

    internal static readonly BrokerCounter Resent = new("embeddedmq.checks.resent", "Messages that their producer has sent again.");

    internal static readonly BrokerCounter Settled = new("embeddedmq.checks.settled", "Messages that nobody confirmed and that their producer called settled.");

    internal static readonly BrokerCounter Failed = new("embeddedmq.checks.failed", "Messages that nobody confirmed and that were given up.");
}
