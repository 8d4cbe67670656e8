using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Diagnostics;

/// <summary>An application's log as the broker may use it anywhere: what it throws ends here.</summary>
/// <remarks>Thread-safe. A log that fails costs its entries; without this it would take the broker's stop with it, and publishers who wait.</remarks>
/// <param name="logger">The application's.</param>
internal sealed class GuardedLogger(ILogger logger) : ILogger
{
    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => logger.BeginScope(state);

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return logger.IsEnabled(logLevel);
        }
#pragma warning disable CA1031 // whatever it is, it must not come into the broker
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        try
        {
            logger.Log(logLevel, eventId, state, exception, formatter);
        }
#pragma warning disable CA1031 // see above
        catch (Exception)
#pragma warning restore CA1031
        {
            // There is nobody to tell: the log is who is told.
        }
    }
}
