using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Tests.Handlers;

public sealed class RestartTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connection_ClosedByTheBroker_ConsumesAgainAfterADelay()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")).Consume<Order>("q", received.HandleAsync));

        await fixture.Broker.Broker.Management.CloseConnectionsAsync("EmbeddedMq.consume", "maintenance", Token);
        RecordingLog.LogEntry lost = await fixture.Log.NextAsync(1101);
        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        Assert.Equal(0, received.Count);
        Assert.Contains("maintenance", fixture.Bus.ConsumerFailures["q"], StringComparison.Ordinal);

        Task<(Order Order, IMessageContext Context)> next = received.NextAsync().AsTask();
        await fixture.AdvanceUntilAsync(next, TimeSpan.FromMilliseconds(100));
        Assert.Equal(LogLevel.Warning, lost.Level);
        Assert.Contains("CONNECTION_FORCED - maintenance", lost.Text, StringComparison.Ordinal);
        Assert.Empty(fixture.Bus.ConsumerFailures);
    }

    [Fact]
    public async Task Queue_Deleted_IsDeclaredAgainWithItsBindings()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Exchange("x", ExchangeType.Fanout).Queue("q").Bind("q", "x"))
            .Publish<Order>(static p => p.To("x").Mandatory())
            .Consume<Order>("q", received.HandleAsync));
        IChannel channel = await fixture.Broker.OpenChannelAsync();

        await channel.DeleteQueueAsync("q", cancellationToken: Token);
        RecordingLog.LogEntry lost = await fixture.Log.NextAsync(1101);
        await fixture.AdvanceUntilAsync(TwoStartsAsync(fixture.Log), TimeSpan.FromMilliseconds(100));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        Assert.Equal("1", (await received.NextAsync()).Order.Id);
        Assert.Contains("its queue is gone", lost.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Restart_FailsAgainAndAgain_WaitsLongerEachTime()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();
        IChannel channel = await fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", cancellationToken: Token);
        await fixture.StartBusAsync(
            mq => mq.Consume<Order>("q", received.HandleAsync),
            static options =>
            {
                options.RestartDelay = TimeSpan.FromSeconds(1);
                options.MaxRestartDelay = TimeSpan.FromSeconds(5);
            });

        await channel.DeleteQueueAsync("q", cancellationToken: Token);
        await fixture.AdvanceUntilAsync(FailuresAsync(fixture.Log, 4), TimeSpan.FromMilliseconds(250));

        Assert.EndsWith("It is started again in 00:00:01", fixture.Log.WithId(1101).Single().Text, StringComparison.Ordinal);
        Assert.Equal(
            ["00:00:02", "00:00:04", "00:00:05", "00:00:05"],
            fixture.Log.WithId(1102).Take(4).Select(static entry => entry.Text.Split(' ')[^1]));
        await channel.DeclareQueueAsync("q", cancellationToken: Token);
        await channel.PublishAsync("", "q", Message.Text("""{"id":"1"}"""), cancellationToken: Token);
        await fixture.AdvanceUntilAsync(received.NextAsync().AsTask(), TimeSpan.FromMilliseconds(250));
    }

    [Fact]
    public async Task Connection_LostWhileAHandlerRuns_NeverRunsTheMessageTwiceAtOnce()
    {
        int running = 0;
        int most = 0;
        int calls = 0;
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                async (_, _, _) =>
                {
                    most = Math.Max(most, Interlocked.Increment(ref running));
                    calls++;
                    begun.TrySetResult();
                    await hold.Task;
                    Interlocked.Decrement(ref running);
                },
                static c => c.Concurrency(2)));
        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        await begun.Task.WaitAsync(BrokerFixture.Patience, Token);

        await fixture.Broker.Broker.Management.CloseConnectionsAsync("EmbeddedMq.consume", "test", Token);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("q")).ReadyCount);
        fixture.Time.Advance(TimeSpan.FromMinutes(1));
        hold.SetResult();
        await fixture.Log.NextAsync(1205);
        await fixture.AdvanceUntilAsync(TwoStartsAsync(fixture.Log), TimeSpan.FromMilliseconds(100));

        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal((1, 2), (most, calls));
    }

    [Theory]
    [InlineData(1)] // on the reader itself
    [InlineData(3)]
    public async Task Handler_ThatGoesOnBehindItsChannel_IsToldUntilItEnds(int concurrency)
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                async (_, _, _) =>
                {
                    begun.TrySetResult();
                    await hold.Task;
                },
                c => c.Concurrency(concurrency)));
        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);
        await begun.Task.WaitAsync(BrokerFixture.Patience, Token);

        await fixture.Broker.Broker.Management.CloseConnectionsAsync("EmbeddedMq.consume", "maintenance", Token);
        RecordingLog.LogEntry told = await fixture.AdvanceUntilAsync(fixture.Log.NextAsync(1103), TimeSpan.FromSeconds(1));

        Assert.Contains("CONNECTION_FORCED - maintenance", told.Text, StringComparison.Ordinal);
        Assert.Contains("its handlers have ended, and 1 of them go on;", told.Text, StringComparison.Ordinal);
        Assert.Contains("maintenance", fixture.Bus.ConsumerFailures["q"], StringComparison.Ordinal);
        Assert.Empty(fixture.Log.WithId(1101));
        hold.SetResult();
        await fixture.AdvanceUntilAsync(TwoStartsAsync(fixture.Log), TimeSpan.FromMilliseconds(100));
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Empty(fixture.Bus.ConsumerFailures);
        Assert.Single(fixture.Log.WithId(1103));
    }

    private static Task TwoStartsAsync(RecordingLog log) => log.CountAsync(1100, 2);

    private static Task FailuresAsync(RecordingLog log, int count) => log.CountAsync(1102, count);
}
