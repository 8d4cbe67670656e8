using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>Keeps what was logged, and can be waited for. Thread-safe.</summary>
internal sealed class RecordingLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<LogEntry> _entries = new();
    private readonly SemaphoreSlim _added = new(0);

    public IReadOnlyCollection<LogEntry> Entries => _entries;

    public IEnumerable<LogEntry> WithId(int eventId) => _entries.Where(entry => entry.Id == eventId);

    /// <summary>Waits for the first entry with an id. For one waiter at a time.</summary>
    public async Task<LogEntry> NextAsync(int eventId)
    {
        while (true)
        {
            if (WithId(eventId).FirstOrDefault() is { } entry)
            {
                return entry;
            }

            Assert.True(
                await _added.WaitAsync(BrokerFixture.Patience),
                $"No event {eventId} was logged, only: {string.Join(" | ", _entries.Select(static entry => $"{entry.Id} {entry.Text}"))}");
        }
    }

    /// <summary>Completes once so many entries with an id were logged.</summary>
    public async Task CountAsync(int eventId, int count)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (WithId(eventId).Count() < count)
        {
            Assert.False(patience.IsCancellationRequested, $"Event {eventId} was logged {WithId(eventId).Count()} times, not {count}.");
            await Task.Yield();
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _entries.Enqueue(new LogEntry(eventId.Id, logLevel, formatter(state, exception), exception));
        _added.Release();
    }

    public sealed record LogEntry(int Id, LogLevel Level, string Text, Exception? Error);
}
