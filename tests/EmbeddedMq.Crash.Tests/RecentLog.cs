using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Crash.Tests;

/// <summary>Keeps what was logged last, for the message of a test that fails.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class RecentLog : ILoggerFactory, ILogger
{
    private const int MostLines = 40;

    private readonly ConcurrentQueue<string> _lines = new();

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider)
    {
    }

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");
        while (_lines.Count > MostLines)
        {
            _lines.TryDequeue(out _);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(Environment.NewLine, _lines);
}
