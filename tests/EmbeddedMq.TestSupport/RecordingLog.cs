using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Xunit;

namespace EmbeddedMq.TestSupport;

/// <summary>Keeps what was logged, and can be waited for. Thread-safe.</summary>
public sealed class RecordingLog : TestLog
{
    private readonly ConcurrentQueue<LogEntry> _entries = new();
    private readonly SemaphoreSlim _added = new(0);

    /// <summary>What was logged so far, in order.</summary>
    public IReadOnlyCollection<LogEntry> Entries => _entries;

    /// <summary>What was logged so far with an id, in order.</summary>
    /// <param name="eventId">The id.</param>
    public IEnumerable<LogEntry> WithId(int eventId) => _entries.Where(entry => entry.Id == eventId);

    /// <summary>Waits for the first entry with an id. For one waiter at a time.</summary>
    /// <param name="eventId">The id.</param>
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
    /// <param name="eventId">The id.</param>
    /// <param name="count">How many.</param>
    public async Task CountAsync(int eventId, int count)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (WithId(eventId).Count() < count)
        {
            Assert.False(patience.IsCancellationRequested, $"Event {eventId} was logged {WithId(eventId).Count()} times, not {count}.");
            await Task.Yield();
        }
    }

    /// <inheritdoc/>
    public override void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _entries.Enqueue(new LogEntry(eventId.Id, logLevel, formatter(state, exception), exception));
        _added.Release();
    }

    /// <summary>What was logged at once.</summary>
    /// <param name="Id">The event's id.</param>
    /// <param name="Level">Its level.</param>
    /// <param name="Text">The text, with its values.</param>
    /// <param name="Error">The exception that was given with it.</param>
    public sealed record LogEntry(int Id, LogLevel Level, string Text, Exception? Error);
}
