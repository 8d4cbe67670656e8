using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using EmbeddedMq.Threading;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Diagnostics;

/// <summary>What outboxes hold, as gauges.</summary>
/// <remarks>Thread-safe. Counting may be a query in a database: it is made when somebody reads the gauges, one at a time, and at most once in ten
/// seconds; a reading does not wait for it and gives what was counted last.</remarks>
internal sealed class OutboxGauges : IDisposable
{
    private static readonly TimeSpan LeastAge = TimeSpan.FromSeconds(10);
    private static readonly ConcurrentDictionary<OutboxGauges, bool> All = new();

    private readonly Func<IOutboxStore> _store;
    private readonly string _broker;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private Task _reading = Task.CompletedTask; // guarded by _gate
    private long? _readAt;                      // guarded by _gate
    private OutboxCounts _last;                 // guarded by _gate

    static OutboxGauges()
    {
        Telemetry.Meter.CreateObservableGauge(
            "embeddedmq.outbox.messages.pending", static () => Read(static (counts, _) => counts.Pending + counts.Sent), "{message}", "Stored messages that are not confirmed yet.");
        Telemetry.Meter.CreateObservableGauge(
            "embeddedmq.outbox.messages.failed", static () => Read(static (counts, _) => counts.Failed), "{message}", "Stored messages that were given up and wait for somebody to retry or discard them.");
        Telemetry.Meter.CreateObservableGauge(
            "embeddedmq.outbox.oldest.age", static () => Read(AgeOfOldest), "s", "For how long the oldest stored message waits that is not confirmed yet; 0 where none does.");
    }

    private OutboxGauges(Func<IOutboxStore> store, string broker, TimeProvider time, ILogger logger)
    {
        _store = store;
        _broker = broker;
        _time = time;
        _logger = logger;
    }

    /// <summary>Includes an outbox in the gauges until the result is disposed.</summary>
    /// <param name="store">Gives its store; may throw while there is none.</param>
    /// <param name="broker">The broker's name.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where errors go.</param>
    public static IDisposable Add(Func<IOutboxStore> store, string broker, TimeProvider time, ILogger logger)
    {
        OutboxGauges gauges = new(store, broker, time, logger);
        All.TryAdd(gauges, true);
        return gauges;
    }

    /// <inheritdoc/>
    public void Dispose() => All.TryRemove(this, out _);

    private static IEnumerable<Measurement<T>> Read<T>(Func<OutboxCounts, DateTimeOffset, T> value)
        where T : struct
        => from gauges in All.Keys
           select new Measurement<T>(value(gauges.Read(), gauges._time.GetUtcNow()), new KeyValuePair<string, object?>(TelemetryTags.Broker, gauges._broker));

    // A database's clock may be ahead of this one.
    private static double AgeOfOldest(OutboxCounts counts, DateTimeOffset now) => counts.OldestAt is { } at && at < now ? (now - at).TotalSeconds : 0;

    private OutboxCounts Read()
    {
        lock (_gate)
        {
            if (_reading.IsCompleted && (_readAt is not { } at || _time.GetElapsedTime(at) >= LeastAge))
            {
                _readAt = _time.GetTimestamp();
                _reading = Detached.Run(ReadAsync);
            }

            return _last;
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            OutboxCounts counts = await _store().CountAsync().ConfigureAwait(false);
            lock (_gate)
            {
                _last = counts;
            }
        }
        catch (Exception error)
        {
            // A database that cannot be reached; whoever sends logs the same.
            Log.GaugesFailed(_logger, error, _broker);
        }
    }
}
