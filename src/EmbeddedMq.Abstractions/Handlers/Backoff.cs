namespace EmbeddedMq;

/// <summary>How long to wait before each retry. Immutable.</summary>
/// <remarks>Every distinct delay of a consumer that waits in queues is one queue, so delays have no random part.</remarks>
public sealed class Backoff
{
    /// <summary>The longest delay: 24 days.</summary>
    public static readonly TimeSpan MaxDelay = TimeSpan.FromDays(24);

    private readonly TimeSpan[] _steps;
    private readonly double _factor;
    private readonly TimeSpan _max;

    private Backoff(TimeSpan[] steps, double factor, TimeSpan max)
    {
        _steps = steps;
        _factor = factor;
        _max = max;
    }

    /// <summary>No delay: the next attempt follows at once, in the same consumer.</summary>
    public static Backoff None { get; } = new([TimeSpan.Zero], 1, TimeSpan.Zero);

    /// <summary>The same delay each time.</summary>
    /// <param name="delay">Zero to 24 days; whole milliseconds count.</param>
    public static Backoff Fixed(TimeSpan delay) => Steps(delay);

    /// <summary>The delays in order; the last one repeats.</summary>
    /// <param name="delays">At least one; each zero to 24 days, whole milliseconds count.</param>
    public static Backoff Steps(params TimeSpan[] delays)
    {
        ArgumentNullException.ThrowIfNull(delays);
        ArgumentOutOfRangeException.ThrowIfZero(delays.Length, nameof(delays));
        return new Backoff([.. delays.Select(static delay => Check(delay, nameof(delays)))], 1, MaxDelay);
    }

    /// <summary>Each delay is the one before times a factor.</summary>
    /// <param name="first">The first delay: more than zero, at most 24 days; whole milliseconds count.</param>
    /// <param name="factor">1 or more. Default 2.</param>
    /// <param name="max">The longest delay; <see langword="null"/> means 24 days.</param>
    public static Backoff Exponential(TimeSpan first, double factor = 2, TimeSpan? max = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(first, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 1);
        TimeSpan limit = max ?? MaxDelay;
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, first, nameof(max));
        return new Backoff([Check(first, nameof(first))], factor, Check(limit, nameof(max)));
    }

    /// <summary>The delay before a retry.</summary>
    /// <param name="retry">Which retry: 1 for the first.</param>
    /// <returns>Whole milliseconds.</returns>
    public TimeSpan GetDelay(int retry)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(retry, 1);
        if (retry <= _steps.Length)
        {
            return _steps[retry - 1];
        }

        double milliseconds = _steps[^1].TotalMilliseconds * Math.Pow(_factor, retry - _steps.Length);
        return milliseconds >= _max.TotalMilliseconds ? _max : TimeSpan.FromMilliseconds(Math.Floor(milliseconds));
    }

    private static TimeSpan Check(TimeSpan delay, string parameter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero, parameter);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(delay, MaxDelay, parameter);
        return TimeSpan.FromMilliseconds(Math.Floor(delay.TotalMilliseconds));
    }
}
