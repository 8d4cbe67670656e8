using EmbeddedMq.Diagnostics;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Storage;

/// <summary>Keeps <see cref="PublishConfirm"/> objects for the next publishes.</summary>
/// <param name="timeProvider">Measures how long some of them wait.</param>
/// <remarks>Thread-safe. Bounded: what comes back beyond is left to the garbage collector.</remarks>
internal sealed class PublishConfirmPool(TimeProvider timeProvider)
{
    // One in so many is measured: reading the clock costs as much as the rest.
    private const int MeasuredShare = 16;

    private const int MostKept = 1_024; // as many publishes as wait at once in a usual window

    // The last one that came back is given out first: its memory is still in the processor's cache.
    private readonly PublishConfirm[] _free = new PublishConfirm[MostKept];
    private ShortLock _gate;
    private int _count; // guarded by _gate, as what it counts
    private uint _beginCount; // about how many have begun: those of the same moment may count as one
    private long _lastDurationTicks;

    /// <summary>How long the last one waited that was measured.</summary>
    internal TimeSpan LastDuration => new(Volatile.Read(ref _lastDurationTicks));

    /// <summary>Gives out a free one, or a new one.</summary>
    internal PublishConfirm Rent()
    {
        using (_gate.Enter())
        {
            if (_count > 0)
            {
                return _free[--_count];
            }
        }

        return new PublishConfirm(this);
    }

    /// <summary>Begins to measure, if it is this one's turn.</summary>
    /// <returns>A timestamp, or 0.</returns>
    internal long BeginMeasure() => ++_beginCount % MeasuredShare == 0 ? timeProvider.GetTimestamp() : 0;

    /// <summary>Ends a measurement.</summary>
    /// <param name="begin">What <see cref="BeginMeasure"/> gave.</param>
    /// <returns>How long it took, for <see cref="Tell"/>; <see langword="null"/> where nothing was measured.</returns>
    internal TimeSpan? EndMeasure(long begin)
    {
        if (begin == 0)
        {
            return null;
        }

        TimeSpan duration = timeProvider.GetElapsedTime(begin);
        Volatile.Write(ref _lastDurationTicks, duration.Ticks);
        return duration;
    }

    /// <summary>Tells listeners how long a publish waited.</summary>
    /// <param name="waited">What <see cref="EndMeasure"/> gave.</param>
    /// <remarks>By the publisher: the journal's thread, which ends the measurement, has no time for an application's listeners.</remarks>
    internal static void Tell(TimeSpan? waited)
    {
        if (waited is { } duration && Telemetry.CommitDuration.Enabled)
        {
            Listeners.Tell(duration, static duration => Telemetry.CommitDuration.Record(duration.TotalSeconds));
        }
    }

    /// <summary>Takes one back.</summary>
    /// <param name="confirm">One whose result was taken.</param>
    internal void Return(PublishConfirm confirm)
    {
        using (_gate.Enter())
        {
            if (_count < MostKept)
            {
                _free[_count++] = confirm;
            }
        }
    }
}
