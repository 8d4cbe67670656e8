using EmbeddedMq.Threading;

namespace EmbeddedMq.Connections;

/// <summary>Looks for deliveries that are not settled in time, on all channels of a broker, as long as its scheduler runs.</summary>
/// <remarks>A delivery is seen by the first look after it, and is late by the look that comes the time-out after that one. Source: RabbitMQ, rabbit_channel:evaluate_consumer_timeout.</remarks>
internal sealed class AcknowledgementWatch : ScheduledWork
{
    /// <summary>The shortest time-out.</summary>
    internal static readonly TimeSpan LeastTimeout = TimeSpan.FromMilliseconds(1);

    /// <summary>The longest one.</summary>
    internal static readonly TimeSpan MostTimeout = TimeSpan.FromDays(3_650);

    private static readonly TimeSpan LongestInterval = TimeSpan.FromMinutes(1);

    private readonly ConnectionRegistry _connections;
    private readonly Scheduler _scheduler;
    private readonly TimeSpan _timeout;
    private readonly long _intervalMs; // as many as are in the time-out are no less than it, so that nothing is late by more than one

    private AcknowledgementWatch(ConnectionRegistry connections, Scheduler scheduler, TimeSpan timeout)
    {
        _connections = connections;
        _scheduler = scheduler;
        _timeout = timeout;
        _intervalMs = (long)Math.Ceiling(timeout.TotalMilliseconds / Math.Ceiling(timeout / LongestInterval));
    }

    /// <summary>Begins to look.</summary>
    /// <param name="connections">The broker's connections.</param>
    /// <param name="scheduler">Its scheduler.</param>
    /// <param name="timeout">How long a delivery may stay unsettled.</param>
    internal static void Begin(ConnectionRegistry connections, Scheduler scheduler, TimeSpan timeout)
        => new AcknowledgementWatch(connections, scheduler, timeout).ScheduleNext();

    /// <inheritdoc/>
    internal override void Run()
    {
        try
        {
            foreach (Connection connection in _connections.All)
            {
                connection.CheckAcknowledgements(_scheduler.Clock.NowMs, _timeout);
            }
        }
        finally
        {
            ScheduleNext();
        }
    }

    private void ScheduleNext() => _scheduler.Schedule(this, _scheduler.Clock.NowMs + _intervalMs);
}
