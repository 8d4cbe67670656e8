using Microsoft.Extensions.Logging;

namespace EmbeddedMq.TestSupport;

/// <summary>A log for one test or one broker: of all categories and levels, without scopes.</summary>
public abstract class TestLog : ILoggerFactory, ILogger
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(isDisposing: true);
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public abstract void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter);

    /// <summary>Gives back what the log holds.</summary>
    /// <param name="isDisposing">Whether <see cref="Dispose()"/> calls it.</param>
    protected virtual void Dispose(bool isDisposing)
    {
    }
}
