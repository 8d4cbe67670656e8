using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Tests.Hosting;

/// <summary>A log of the application that throws costs its entries and nothing else.</summary>
public sealed class FailingLogTests
{
    [Fact]
    public async Task Dispose_LogThrows_ClosesTheStoreInOrder()
    {
        using ScratchDirectory directory = new();
        FailingLog log = new();
        BrokerOptions options = new() { LoggerFactory = log, Storage = { Directory = directory.Path } };
        Broker broker = await Broker.StartAsync(options, TestContext.Current.CancellationToken);
        log.Fails = true;

        await broker.DisposeAsync();

        Assert.True(log.FailedCount > 0);
        await using Broker again = await Broker.StartAsync(options, TestContext.Current.CancellationToken); // it would find the directory in use
    }

    private sealed class FailingLog : ILoggerFactory, ILogger
    {
        internal bool Fails { get; set; }

        internal int FailedCount { get; private set; }

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
            if (Fails)
            {
                FailedCount++;
                throw new ObjectDisposedException(nameof(FailingLog));
            }
        }
    }
}
