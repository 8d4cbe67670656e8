using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Tests.Handlers;

public sealed class StopTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Stop_HandlersInFlight_LetsThemEndAndGivesBackTheRest(int concurrency)
    {
        Work work = new(concurrency);
        await using BusFixture fixture = await StartAsync(work, c => c.Concurrency(concurrency).Prefetch(10));
        await work.Begun.WaitAsync(BrokerFixture.Patience, Token);

        Task<IReadOnlyList<ConsumerStopReport>> stop = fixture.Bus.StopAsync(Token).AsTask();
        await Patiently.YieldUntilAsync(async () => (await fixture.Broker.DescribeAsync("q")).ConsumerCount == 0, "the end of the consumer");

        Assert.False(stop.IsCompleted);
        work.Go();
        IReadOnlyList<ConsumerStopReport> reports = await stop.WaitAsync(BrokerFixture.Patience, Token);

        ConsumerStopReport report = Assert.Single(reports);
        Assert.Equal(new ConsumerStopReport("q", Returned: 10 - concurrency, Abandoned: 0, Ready: 20 - concurrency), report);
        Assert.Equal(concurrency, work.Ended);
        QueueDescription queue = await fixture.Broker.DescribeAsync("q");
        Assert.Equal((20 - concurrency, 0, concurrency), (queue.ReadyCount, queue.UnackedCount, queue.AckedTotal));
        RecordingLog.LogEntry entry = await fixture.Log.NextAsync(1003);
        Assert.Equal(LogLevel.Warning, entry.Level);
        Assert.Contains($"q: {20 - concurrency} ready", entry.Text, StringComparison.Ordinal);
        Assert.Empty(fixture.Log.WithId(1101));
    }

    [Fact]
    public async Task Stop_HandlersTakeTooLong_CancelsThemAndTheirMessagesGoBack()
    {
        Work work = new(1);
        await using BusFixture fixture = await StartAsync(work, static c => c.Retry(static r => r.Else(5, Backoff.None)));
        await work.Begun.WaitAsync(BrokerFixture.Patience, Token);

        Task<IReadOnlyList<ConsumerStopReport>> stop = fixture.Bus.StopAsync(Token).AsTask();
        await fixture.AdvanceUntilAsync(fixture.Log.NextAsync(1004), TimeSpan.FromMilliseconds(250));
        IReadOnlyList<ConsumerStopReport> reports = await stop.WaitAsync(BrokerFixture.Patience, Token);

        Assert.Equal(0, work.Ended);
        Assert.Equal((20, 0, 20), (reports[0].Returned, reports[0].Abandoned, reports[0].Ready));
        await fixture.Log.NextAsync(1206);
        Assert.Equal(0, (await fixture.Broker.DescribeAsync("q.error")).ReadyCount);
    }

    [Fact]
    public async Task Stop_HandlersIgnoreTheirToken_LeavesThemBehindAndSaysSo()
    {
        Work work = new(2) { IgnoresToken = true };
        await using BusFixture fixture = await StartAsync(work, static c => c.Concurrency(2), static options => options.StopTimeout = TimeSpan.FromSeconds(8));
        await work.Begun.WaitAsync(BrokerFixture.Patience, Token);
        DateTimeOffset began = fixture.Time.GetUtcNow();

        Task<IReadOnlyList<ConsumerStopReport>> stop = fixture.Bus.StopAsync(Token).AsTask();
        await fixture.AdvanceUntilAsync(stop, TimeSpan.FromMilliseconds(100));

        Assert.True(fixture.Time.GetUtcNow() - began >= TimeSpan.FromSeconds(9), "It did not wait for the timeout and the grace.");
        Assert.Equal((18, 2, 20), ((await stop)[0].Returned, (await stop)[0].Abandoned, (await stop)[0].Ready));
        work.Go();
        await fixture.Log.NextAsync(1205); // they end, and their settlement finds the channel closed
        Assert.Equal(20, (await fixture.Broker.DescribeAsync("q")).ReadyCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stop_WhatAHandlerRegisteredWithItsTokenThrowsOrBlocks_EndsAllTheSame(bool blocks)
    {
        using ManualResetEventSlim free = new();
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>("q", async (_, _, cancellationToken) =>
            {
                using CancellationTokenRegistration registration = cancellationToken.Register(() =>
                {
                    if (!blocks)
                    {
                        throw new InvalidOperationException("planted");
                    }

                    free.Wait(BrokerFixture.Patience);
                });
                begun.TrySetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            }),
            static options => options.StopGrace = TimeSpan.FromMilliseconds(100)); // which is waited for in real time
        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        await begun.Task.WaitAsync(BrokerFixture.Patience, Token);

        try
        {
            Task<IReadOnlyList<ConsumerStopReport>> stop = fixture.Bus.StopAsync(Token).AsTask();
            IReadOnlyList<ConsumerStopReport> reports = await fixture.AdvanceUntilAsync(stop, TimeSpan.FromSeconds(1));
            Assert.Single(reports);
        }
        finally
        {
            free.Set();
        }

        await fixture.WaitForCountsAsync("q", ready: 1);
    }

    [Fact]
    public async Task Stop_TokenCancelled_CancelsHandlersAtOnce()
    {
        Work work = new(1);
        await using BusFixture fixture = await StartAsync(work);
        await work.Begun.WaitAsync(BrokerFixture.Patience, Token);
        using CancellationTokenSource limit = new();

        Task<IReadOnlyList<ConsumerStopReport>> stop = fixture.Bus.StopAsync(limit.Token).AsTask();
        await limit.CancelAsync();

        Assert.Equal(20, (await stop.WaitAsync(BrokerFixture.Patience, Token))[0].Ready);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_SomebodyWaitsForABrokerThatDoesNotAnswer_EndsBoth(bool requests)
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();
        SwitchedBroker broker = new(fixture.Broker.Broker);
        MessageBus bus = await MessageBus.StartAsync(broker, static mq => mq.Publish<Order>(static p => p.ToQueue("q")), cancellationToken: Token);
        broker.IsSilent = true;
        Task waiting = requests
            ? bus.Publisher.RequestAsync<Order, Order>(new Order("1"), cancellationToken: Token).AsTask()
            : bus.Publisher.PublishAsync(new Order("1"), cancellationToken: Token).AsTask();
        await broker.AskedInVain.WithinPatienceAsync("the publisher to connect");

        await bus.DisposeAsync().AsTask().WithinPatienceAsync("the end of the bus");

        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WithinPatienceAsync("the end of the publish"));
    }

    [Fact]
    public async Task Stop_Twice_GivesTheSameReport()
    {
        Work work = new(1);
        work.Go();
        await using BusFixture fixture = await StartAsync(work);
        await fixture.WaitForCountsAsync("q", ready: 0);

        Task<IReadOnlyList<ConsumerStopReport>> first = fixture.Bus.StopAsync(Token).AsTask();
        Task<IReadOnlyList<ConsumerStopReport>> second = fixture.Bus.StopAsync(Token).AsTask();

        Assert.Same(await first, await second);
        Assert.Equal([new ConsumerStopReport("q", 0, 0, 0)], await first);
        Assert.Equal(LogLevel.Information, Assert.Single(fixture.Log.WithId(1003)).Level);
        await fixture.Publisher.PublishAsync(new Order("after"), cancellationToken: Token);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("q")).ReadyCount);
    }

    [Fact]
    public async Task Stop_MessageWaitsForItsRetryInTheConsumer_GivesItBack()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>("q", static (_, _, _) => throw new TimeoutException(), static c => c
                .KeyBy(static order => order.Customer)
                .Retry(static r => r.Else(1, Backoff.Fixed(TimeSpan.FromHours(1))))));
        await fixture.Publisher.PublishAsync(new Order("1", "a"), cancellationToken: Token);
        await fixture.Publisher.PublishAsync(new Order("2", "a"), cancellationToken: Token);
        await fixture.Log.NextAsync(1200);

        IReadOnlyList<ConsumerStopReport> reports = await fixture.Bus.StopAsync(Token).AsTask().WaitAsync(BrokerFixture.Patience, Token);

        Assert.Equal([new ConsumerStopReport("q", 2, 0, 2)], reports);
    }

    [Fact]
    public async Task Start_QueueMissing_FailsAndStopsWhatRan()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();

        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await fixture.StartBusAsync(static mq => mq
            .Topology(static t => t.Queue("q"))
            .Consume<Order>("q", static (_, _, _) => ValueTask.CompletedTask)
            .Consume<Order>("missing", static (_, _, _) => ValueTask.CompletedTask)));

        Assert.Equal("NOT_FOUND - no queue 'missing' in vhost '/'", error.ReplyText);
        Assert.Equal(0, (await fixture.Broker.DescribeAsync("q")).ConsumerCount);
        Assert.Empty(await fixture.Broker.Broker.Management.ListConnectionsAsync(Token));
    }

    private static async Task<BusFixture> StartAsync(Work work, Action<IConsumerBuilder<Order>>? configure = null, Action<MessageBusOptions>? options = null)
    {
        BusFixture fixture = await BusFixture.StartAsync(
            mq => mq.Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")).Consume("q", work.HandleAsync, configure), options);
        for (int i = 0; i < 20; i++)
        {
            await fixture.Publisher.PublishAsync(new Order($"{i}"), cancellationToken: Token);
        }

        return fixture;
    }

    // Handlers that say when enough of them have begun, and end when they may.
    private sealed class Work(int expected)
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _running;
        private int _ended;

        public bool IgnoresToken { get; init; }

        public Task Begun => _begun.Task;

        public int Ended => _ended;

        public void Go() => _go.TrySetResult();

        public async ValueTask HandleAsync(Order order, IMessageContext context, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _running) == expected)
            {
                _begun.TrySetResult();
            }

            await _go.Task.WaitAsync(IgnoresToken ? CancellationToken.None : cancellationToken);
            Interlocked.Increment(ref _ended);
        }
    }
}
