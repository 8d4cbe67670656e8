using EmbeddedMq.Tests.Handlers;
using EmbeddedMq.TestSupport;
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

    [Fact]
    public async Task Handler_FailsAndTheLogThrows_IsRetriedAndTheNextMessageIsHandled()
    {
        FailingLog log = new();
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Broker broker = await Broker.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await using MessageBus bus = await MessageBus.StartAsync(
            broker,
            mq => mq.Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")).Consume<Order>(
                "q",
                (order, context, _) =>
                {
                    if (context.Attempt == 1)
                    {
                        throw new TimeoutException();
                    }

                    if (order.Id == "last")
                    {
                        done.TrySetResult();
                    }

                    return ValueTask.CompletedTask;
                },
                static c => c.Retry(static r => r.Else(1, Backoff.None))),
            loggerFactory: log,
            cancellationToken: TestContext.Current.CancellationToken);
        log.Fails = true;

        await bus.Publisher.PublishAsync(new Order("first"), cancellationToken: TestContext.Current.CancellationToken);
        await bus.Publisher.PublishAsync(new Order("last"), cancellationToken: TestContext.Current.CancellationToken);

        await done.Task.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
        Assert.True(log.FailedCount >= 2);
    }

    private sealed class FailingLog : TestLog
    {
        internal bool Fails { get; set; }

        internal int FailedCount { get; private set; }

        public override void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (Fails)
            {
                FailedCount++;
                throw new ObjectDisposedException(nameof(FailingLog));
            }
        }
    }
}
