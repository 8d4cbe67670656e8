namespace EmbeddedMq.Threading;

/// <summary>An application's clock as the broker may use it under its gates. A virtual clock may run timers that are due while it is only asked for the time,
/// or given a timer; here those go to the thread pool then, and to whoever advances the clock at all other times.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class ForeignClock : TimeProvider
{
    [ThreadStatic]
    private static int _callsUnderWay;

    private readonly TimeProvider _clock;

    private ForeignClock(TimeProvider clock) => _clock = clock;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => _clock.LocalTimeZone;

    /// <inheritdoc/>
    public override long TimestampFrequency => _clock.TimestampFrequency;

    /// <summary>A clock that is safe to use: the system's own as it is.</summary>
    /// <param name="clock">The clock.</param>
    internal static TimeProvider Of(TimeProvider clock) => clock == System ? clock : new ForeignClock(clock);

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        _callsUnderWay++;
        try
        {
            return _clock.GetUtcNow();
        }
        finally
        {
            _callsUnderWay--;
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        _callsUnderWay++;
        try
        {
            return _clock.GetTimestamp();
        }
        finally
        {
            _callsUnderWay--;
        }
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ForeignTimer timer = new(callback, state);
        _callsUnderWay++;
        try
        {
            timer.Timer = _clock.CreateTimer(static timer => ((ForeignTimer)timer!).Run(), timer, dueTime, period);
        }
        finally
        {
            _callsUnderWay--;
        }

        return timer;
    }

    private sealed class ForeignTimer(TimerCallback callback, object? state) : ITimer
    {
        internal ITimer? Timer { get; set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _callsUnderWay++;
            try
            {
                return Timer!.Change(dueTime, period);
            }
            finally
            {
                _callsUnderWay--;
            }
        }

        public void Dispose() => Timer!.Dispose();

        public ValueTask DisposeAsync() => Timer!.DisposeAsync();

        internal void Run()
        {
            if (_callsUnderWay == 0)
            {
                callback(state);
            }
            else
            {
                ThreadPool.UnsafeQueueUserWorkItem(static timer => timer.RunOutside(), this, preferLocal: false);
            }
        }

        private void RunOutside() => callback(state);
    }
}
