using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>What the typed layer measures and traces, as a listener of an application hears it.</summary>
internal sealed class Telemetry : IDisposable
{
    private readonly ConcurrentQueue<(string Name, double Value, KeyValuePair<string, object?>[] Tags)> _readings = new();
    private readonly ConcurrentQueue<Activity> _spans = new();
    private readonly MeterListener _meters = new();
    private readonly ActivityListener _activities;

    /// <summary>Begins to listen.</summary>
    public Telemetry()
    {
        _meters.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == EmbeddedMqDiagnostics.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _readings.Enqueue((instrument.Name, value, tags.ToArray())));
        _meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => _readings.Enqueue((instrument.Name, value, tags.ToArray())));
        _meters.Start();
        _activities = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == EmbeddedMqDiagnostics.ActivitySourceName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_activities);
    }

    /// <summary>The spans of a name that have ended.</summary>
    /// <param name="name">The name.</param>
    public IEnumerable<Activity> Spans(string name) => _spans.Where(span => span.DisplayName == name);

    /// <summary>Asks the observable instruments.</summary>
    public void Collect() => _meters.RecordObservableInstruments();

    /// <summary>The values of an instrument with these tags.</summary>
    /// <param name="name">The instrument.</param>
    /// <param name="tags">The tags that a reading must have; <see langword="null"/> as the value stands for none.</param>
    public IReadOnlyList<double> Readings(string name, params (string Key, object? Value)[] tags)
        => [.. _readings
            .Where(reading => reading.Name == name && tags.All(tag => Equals(reading.Tags.FirstOrDefault(have => have.Key == tag.Key).Value, tag.Value)))
            .Select(static reading => reading.Value)];

    /// <inheritdoc/>
    public void Dispose()
    {
        _meters.Dispose();
        _activities.Dispose();
    }
}
