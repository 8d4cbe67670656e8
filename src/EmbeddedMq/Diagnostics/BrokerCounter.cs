using System.Diagnostics.Metrics;

namespace EmbeddedMq.Diagnostics;

/// <summary>A count of messages for each broker. Thread-safe.</summary>
/// <param name="name">The instrument's name.</param>
/// <param name="description">What is counted.</param>
internal sealed class BrokerCounter(string name, string description)
{
    private readonly Counter<long> _counter = Telemetry.Meter.CreateCounter<long>(name, "{message}", description);

    /// <summary>Counts messages.</summary>
    /// <param name="broker">The broker's name.</param>
    /// <param name="messages">How many.</param>
    internal void Add(string broker, long messages = 1)
    {
        if (_counter.Enabled)
        {
            Listeners.Tell(
                (_counter, broker, messages),
                static count => count._counter.Add(count.messages, new KeyValuePair<string, object?>(TelemetryTags.Broker, count.broker)));
        }
    }
}
