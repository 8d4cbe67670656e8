namespace EmbeddedMq.Threading;

/// <summary>The broker's time: milliseconds since its start for durations, UTC for what is written into messages.</summary>
/// <remarks>Thread-safe. Durations come from the provider's timestamps, so that a step of the wall clock expires nothing.</remarks>
/// <param name="timeProvider">The provider.</param>
internal sealed class BrokerClock(TimeProvider timeProvider)
{
    private readonly long _started = timeProvider.GetTimestamp();

    /// <summary>The provider.</summary>
    internal TimeProvider TimeProvider { get; } = timeProvider;

    /// <summary>Whole milliseconds since the start.</summary>
    internal long NowMs => (long)TimeProvider.GetElapsedTime(_started).TotalMilliseconds;

    /// <summary>The time of day.</summary>
    internal DateTimeOffset UtcNow => TimeProvider.GetUtcNow();
}
