using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Diagnostics;

/// <summary>What brokers hold, as gauges. A gauge is read by whoever collects metrics; between two readings it costs nothing.</summary>
/// <remarks>Thread-safe. A reading must not wait, so that of a broker which answers later gives what it told last.</remarks>
internal sealed class BrokerGauges : IDisposable
{
    private static readonly ConcurrentDictionary<BrokerGauges, bool> All = new();

    private readonly IBroker _broker;
    private readonly string _name;
    private readonly ILogger _logger;
    private volatile Task<Snapshot>? _reading;
    private volatile Snapshot _last = Snapshot.Empty;

    static BrokerGauges()
    {
        Meter meter = Telemetry.Meter;
        meter.CreateObservableGauge("embeddedmq.queue.messages.ready", () => PerQueue(static queue => queue.ReadyCount), "{message}", "Messages ready for delivery.");
        meter.CreateObservableGauge("embeddedmq.queue.messages.unacked", () => PerQueue(static queue => queue.UnackedCount), "{message}", "Messages handed over and not settled.");
        meter.CreateObservableGauge("embeddedmq.queue.bytes.ready", () => PerQueue(static queue => queue.ReadyBytes), "By", "Bytes of the bodies that are ready.");
        meter.CreateObservableGauge("embeddedmq.queue.consumers", () => PerQueue(static queue => queue.ConsumerCount), "{consumer}", "Consumers.");
        meter.CreateObservableGauge("embeddedmq.queue.publishers.waiting", () => PerQueue(static queue => queue.WaitingPublishCount), "{message}", "Publishes that wait for room.");
        meter.CreateObservableCounter("embeddedmq.queue.enqueued", () => PerQueue(static queue => queue.EnqueuedTotal), "{message}", "Messages taken in.");
        meter.CreateObservableCounter("embeddedmq.queue.acked", () => PerQueue(static queue => queue.AckedTotal), "{message}", "Messages settled as processed.");
        meter.CreateObservableCounter("embeddedmq.queue.requeued", () => PerQueue(static queue => queue.RequeuedTotal), "{message}", "Messages put back.");
        meter.CreateObservableCounter("embeddedmq.queue.dead_lettered", () => PerQueue(static queue => queue.DeadLetteredTotal), "{message}", "Messages that left for a dead-letter exchange.");
        meter.CreateObservableCounter("embeddedmq.queue.dropped", () => PerQueue(static queue => queue.DroppedTotal), "{message}", "Dead messages without a dead-letter exchange.");
        meter.CreateObservableCounter("embeddedmq.queue.publishes.rejected", () => PerQueue(static queue => queue.RejectedPublishTotal), "{message}", "Publishes refused by a full queue.");
        meter.CreateObservableGauge("embeddedmq.connections", () => PerBroker(static snapshot => snapshot.Connections.Count), "{connection}", "Open connections.");
        meter.CreateObservableGauge(
            "embeddedmq.connections.blocked",
            () => PerBroker(static snapshot => snapshot.Connections.Count(static connection => connection.BlockedReason is not null)),
            "{connection}",
            "Connections whose publishers are made to wait.");
    }

    private BrokerGauges(IBroker broker, string name, ILogger logger)
    {
        _broker = broker;
        _name = name;
        _logger = logger;
    }

    /// <summary>Includes a broker in the gauges until the result is disposed.</summary>
    /// <param name="broker">The broker.</param>
    /// <param name="name">Its name in the application, as in all its other metrics; an engine may have another for itself.</param>
    /// <param name="logger">Where errors go.</param>
    public static IDisposable Add(IBroker broker, string name, ILogger logger)
    {
        BrokerGauges gauges = new(broker, name, logger);
        All.TryAdd(gauges, true);
        return gauges;
    }

    /// <inheritdoc/>
    public void Dispose() => All.TryRemove(this, out _);

    private static IEnumerable<Measurement<long>> PerQueue(Func<QueueDescription, long> value)
        => from gauges in All.Keys
           from entry in gauges.Read().Queues
           select new Measurement<long>(
               value(entry.Queue),
               new(TelemetryTags.DestinationName, entry.Queue.Name),
               new(TelemetryTags.VirtualHost, entry.VirtualHost),
               new(TelemetryTags.Broker, gauges._name));

    private static IEnumerable<Measurement<long>> PerBroker(Func<Snapshot, long> value)
        => from gauges in All.Keys
           select new Measurement<long>(value(gauges.Read()), new KeyValuePair<string, object?>(TelemetryTags.Broker, gauges._name));

    private Snapshot Read()
    {
        if (_reading is not { IsCompleted: false })
        {
            _reading = ReadAsync();
        }

        return _last;
    }

    // Of the embedded broker it completes before it returns, so that the collector sees it at once.
    private async Task<Snapshot> ReadAsync()
    {
        try
        {
            List<(string VirtualHost, QueueDescription Queue)> queues = [];
            foreach (string virtualHost in await _broker.Management.ListVirtualHostsAsync().ConfigureAwait(false))
            {
                foreach (QueueDescription queue in await _broker.Management.ListQueuesAsync(virtualHost).ConfigureAwait(false))
                {
                    queues.Add((virtualHost, queue));
                }
            }

            _last = new Snapshot(queues, await _broker.Management.ListConnectionsAsync().ConfigureAwait(false));
        }
        catch (Exception error)
        {
            // Of whatever kind: nobody awaits the reading.
            Log.GaugesFailed(_logger, error, _name);
            _last = Snapshot.Empty;
        }

        return _last;
    }

    private sealed record Snapshot(IReadOnlyList<(string VirtualHost, QueueDescription Queue)> Queues, IReadOnlyList<ConnectionDescription> Connections)
    {
        public static Snapshot Empty { get; } = new([], []);
    }
}
