using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddedMq.Diagnostics;

/// <summary>An application's log as it may be used anywhere: what it throws ends here.</summary>
/// <remarks>Thread-safe. A log that fails costs its entries; without this it would take the stop of a broker with it, publishers who wait, and the worker that
/// handles messages.</remarks>
internal sealed class GuardedLogger : ILogger
{
    private readonly ILogger _logger;

    private GuardedLogger(ILogger logger) => _logger = logger;

    /// <summary>Makes a log of an application.</summary>
    /// <param name="factory">The application's; <see langword="null"/> means that nothing is logged.</param>
    /// <param name="category">What is logged in it.</param>
    internal static ILogger From(ILoggerFactory? factory, string category)
        => factory is null ? NullLogger.Instance : new GuardedLogger(factory.CreateLogger(category));

    /// <inheritdoc/>
    /// <remarks>Not for use here: whoever wants a scope is the application.</remarks>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => _logger.BeginScope(state);

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return _logger.IsEnabled(logLevel);
        }
#pragma warning disable CA1031 // whatever it is, it must not come any further
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
            _logger.Log(logLevel, eventId, state, exception, formatter);
        }
#pragma warning disable CA1031 // see above
        catch (Exception)
#pragma warning restore CA1031
        {
            // There is nobody to tell: the log is who is told.
        }
    }
}
