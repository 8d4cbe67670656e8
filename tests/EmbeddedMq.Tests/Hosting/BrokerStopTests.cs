using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Tests.Hosting;

public sealed class BrokerStopTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Dispose_WhileAnotherIsUnderWay_ReturnsWhenThatHasEnded()
    {
        using ScratchDirectory directory = new();
        using HeldLog log = new();
        BrokerOptions options = new() { LoggerFactory = log, Storage = { Directory = directory.Path } };
        Broker broker = await Broker.StartAsync(options, Token);
        log.Holds = true;
        Task first = Task.Run(async () => await broker.DisposeAsync(), Token);
        await log.Reached.WaitAsync(BrokerFixture.Patience, Token);

        Task second = broker.DisposeAsync().AsTask();
        bool wasEarly = second.IsCompleted;
        log.Go();
        await second.WaitAsync(BrokerFixture.Patience, Token);

        await using Broker again = await Broker.StartAsync(new BrokerOptions { DataDirectory = directory.Path }, Token); // it would find the directory in use
        await first.WaitAsync(BrokerFixture.Patience, Token);
        Assert.False(wasEarly, "The second returned before the first had ended.");
    }

    /// <summary>A log that keeps whoever writes to it.</summary>
    private sealed class HeldLog : TestLog
    {
        private readonly ManualResetEventSlim _go = new();
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool Holds { get; set; }

        public Task Reached => _reached.Task;

        public void Go() => _go.Set();

        public override void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (Holds)
            {
                _reached.TrySetResult();
                _go.Wait(BrokerFixture.Patience);
            }
        }

        protected override void Dispose(bool isDisposing)
        {
            _go.Dispose();
            base.Dispose(isDisposing);
        }
    }
}
