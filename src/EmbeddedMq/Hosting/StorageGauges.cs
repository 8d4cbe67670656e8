using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using EmbeddedMq.Diagnostics;

namespace EmbeddedMq.Hosting;

/// <summary>What the storage of brokers looks like, as gauges: what <see cref="Broker.Storage"/> tells. A broker without storage has none.</summary>
/// <remarks>Thread-safe. Between two readings it costs nothing.</remarks>
internal sealed class StorageGauges : IDisposable
{
    private static readonly ConcurrentDictionary<StorageGauges, bool> All = new();

    private readonly Broker _broker;

    static StorageGauges()
    {
        PerLog("bytes", static storage => storage.JournalBytes, static storage => storage.BacklogBytes, "By", "Bytes between the begin and the end of a log.");
        PerLog("segments", static storage => storage.JournalSegments, static storage => storage.BacklogSegments, "{file}", "Files of a log.");
        PerBroker("live_share", static storage => storage.BacklogLiveShare, "1", "The share of the log of long-lived messages that queues still need.");
        PerBroker("messages", static storage => storage.JournalMessages, "{message}", "Messages in the journal; one counts once for each queue.");
        PerBroker("journal.too_long", static storage => storage.IsJournalTooLong ? 1 : 0, "1", "1 while publishers wait because the journal is longer than it may be.");
        PerBroker("uncommitted_bytes", static storage => storage.UncommittedBytes, "By", "Bytes appended and not yet written and synced.");
        PerBroker("commit.duration", static storage => storage.LastCommitDuration.TotalSeconds, "s", "How long a publish waited for the disk.");
        PerBroker("checkpoint.time", static storage => storage.LastCheckpoint?.ToUnixTimeSeconds() ?? 0, "s", "When the last checkpoint was written, in seconds since 1970, UTC.");
        PerBroker("state", static storage => (int)storage.State, "1", "0 open, 1 low on space, 2 failed, 3 closed.");
    }

    private StorageGauges(Broker broker) => _broker = broker;

    /// <summary>Includes a broker in the gauges until the result is disposed.</summary>
    /// <param name="broker">The broker.</param>
    public static IDisposable Add(Broker broker)
    {
        StorageGauges gauges = new(broker);
        All.TryAdd(gauges, true);
        return gauges;
    }

    /// <inheritdoc/>
    public void Dispose() => All.TryRemove(this, out _);

    private static void PerLog(string name, Func<StorageDescription, long> journal, Func<StorageDescription, long> backlog, string unit, string description)
        => Telemetry.Meter.CreateObservableGauge(
            $"embeddedmq.storage.{name}",
            () => Read().SelectMany(read => new[] { Of(read, "journal", journal), Of(read, "backlog", backlog) }),
            unit,
            description);

    private static void PerBroker(string name, Func<StorageDescription, double> value, string unit, string description)
        => Telemetry.Meter.CreateObservableGauge(
            $"embeddedmq.storage.{name}",
            () => Read().Select(read => new Measurement<double>(value(read.Storage), new KeyValuePair<string, object?>(TelemetryTags.Broker, read.Broker.Name))),
            unit,
            description);

    private static Measurement<long> Of((Broker Broker, StorageDescription Storage) read, string log, Func<StorageDescription, long> value)
        => new(value(read.Storage), new(TelemetryTags.StorageLog, log), new(TelemetryTags.Broker, read.Broker.Name));

    private static IEnumerable<(Broker Broker, StorageDescription Storage)> Read()
        => from gauges in All.Keys
           let storage = gauges._broker.Storage
           where storage is not null
           select (gauges._broker, storage);
}
