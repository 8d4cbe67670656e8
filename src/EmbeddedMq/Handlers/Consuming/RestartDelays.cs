namespace EmbeddedMq.Handlers.Consuming;

/// <summary>How long a consumer waits before it is started again: doubled at each failure in a row. Not thread-safe.</summary>
/// <param name="options">The first and the longest delay.</param>
/// <param name="time">The clock.</param>
internal sealed class RestartDelays(MessageBusOptions options, TimeProvider time)
{
    private TimeSpan _next = options.RestartDelay;
    private long _begun = time.GetTimestamp();

    /// <summary>Notes that a run begins.</summary>
    public void RunBegins() => _begun = time.GetTimestamp();

    /// <summary>Notes that a run has ended. One that held for longer than the longest delay was no failure in a row.</summary>
    public void RunEnds()
    {
        if (time.GetElapsedTime(_begun) > options.MaxRestartDelay)
        {
            _next = options.RestartDelay;
        }
    }

    /// <summary>The delay before the next start.</summary>
    public TimeSpan Next()
    {
        TimeSpan delay = _next;
        _next = TimeSpan.FromTicks(Math.Min(_next.Ticks * 2, options.MaxRestartDelay.Ticks));
        return delay;
    }
}
