using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Handlers;

public sealed class SettleTests
{
    [Fact]
    public async Task Ack_ThenError_StaysAcknowledged()
    {
        await using BusFixture fixture = await StartAsync(static async (_, context, cancellationToken) =>
        {
            await context.AckAsync(cancellationToken);
            Assert.True(context.IsSettled);
            throw new InvalidOperationException("too late");
        });

        await PublishAsync(fixture);

        RecordingLog.LogEntry entry = await fixture.Log.NextAsync(1203);
        Assert.Equal("too late", entry.Error!.Message);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("q")).AckedTotal);
        Assert.Equal(0, (await fixture.Broker.DescribeAsync("q.error")).ReadyCount);
    }

    [Fact]
    public async Task Reject_QueueHasADeadLetterExchange_GoesThere()
    {
        await using BusFixture fixture = await StartAsync(static (_, context, cancellationToken) => context.RejectAsync(cancellationToken));

        await PublishAsync(fixture);

        await fixture.WaitForCountsAsync("dlq", ready: 1);
        Assert.Equal(DeathReason.Rejected, (await fixture.Broker.NextDeliveryAsync("dlq")).Deaths[0].Reason);
        await fixture.WaitForCountsAsync("q", ready: 0);
    }

    [Fact]
    public async Task Requeue_Once_IsDeliveredAgainAsTheSameAttempt()
    {
        TaskCompletionSource<(int Attempt, bool Redelivered)> second = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await StartAsync((_, context, cancellationToken) =>
        {
            if (!context.Delivery.Redelivered)
            {
                return context.RequeueAsync(cancellationToken);
            }

            second.SetResult((context.Attempt, context.Delivery.Redelivered));
            return ValueTask.CompletedTask;
        });

        await PublishAsync(fixture);

        Assert.Equal((1, true), await second.Task.WaitAsync(TestSupport.BrokerFixture.Patience, TestContext.Current.CancellationToken));
        await fixture.WaitForCountsAsync("q", ready: 0);
    }

    [Fact]
    public async Task Defer_Delay_ComesBackAfterItWithItsOrigin()
    {
        TaskCompletionSource<string> second = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int deliveries = 0;
        await using BusFixture fixture = await StartAsync((_, context, cancellationToken) =>
        {
            if (++deliveries == 1)
            {
                return context.DeferAsync(TimeSpan.FromMilliseconds(12_345), cancellationToken);
            }

            second.SetResult($"{context.Attempt} '{context.Exchange}' {context.RoutingKey}");
            return ValueTask.CompletedTask;
        });

        await PublishAsync(fixture);

        await fixture.WaitForCountsAsync("q.defer.13000", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
        await fixture.Broker.AdvanceAsync(TimeSpan.FromMilliseconds(12_999));
        Assert.False(second.Task.IsCompleted);
        await fixture.Broker.AdvanceAsync(TimeSpan.FromMilliseconds(1));
        Assert.Equal("1 '' q", await second.Task.WaitAsync(TestSupport.BrokerFixture.Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task DeferQueue_Unused_GoesAway()
    {
        int deliveries = 0;
        await using BusFixture fixture = await StartAsync((_, context, cancellationToken)
            => ++deliveries == 1 ? context.DeferAsync(TimeSpan.FromSeconds(1), cancellationToken) : ValueTask.CompletedTask);
        await PublishAsync(fixture);
        await fixture.WaitForCountsAsync("q.defer.1000", ready: 1);

        await fixture.Broker.AdvanceAsync(TimeSpan.FromMinutes(2));

        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(2, deliveries);
        IReadOnlyList<QueueDescription> queues = await fixture.Broker.Broker.Management.ListQueuesAsync("/", TestContext.Current.CancellationToken);
        Assert.DoesNotContain(queues, static queue => queue.Name.Contains("defer", StringComparison.Ordinal));
    }

    [Fact]
    public async Task DeadLetter_Reason_IsInTheHeaders()
    {
        await using BusFixture fixture = await StartAsync(static (_, context, cancellationToken) => context.DeadLetterAsync("unknown customer", cancellationToken));

        await PublishAsync(fixture);

        await fixture.WaitForCountsAsync("q.error", ready: 1);
        HeaderTable headers = (await fixture.Broker.NextDeliveryAsync("q.error")).Message.Headers;
        Assert.Equal("unknown customer", headers[MessageHeaders.Reason]);
        Assert.Equal(0, headers[MessageHeaders.FailedAttempts]);
        Assert.False(headers.ContainsKey(MessageHeaders.ErrorType));
        await fixture.Log.NextAsync(1207);
        await fixture.WaitForCountsAsync("q", ready: 0);
    }

    [Fact]
    public async Task Settle_Twice_IsRefused()
    {
        TaskCompletionSource<Exception> refused = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await StartAsync(async (_, context, cancellationToken) =>
        {
            await context.AckAsync(cancellationToken);
            try
            {
                await context.RequeueAsync(cancellationToken);
            }
            catch (InvalidOperationException error)
            {
                refused.SetResult(error);
            }
        });

        await PublishAsync(fixture);

        Exception error = await refused.Task.WaitAsync(TestSupport.BrokerFixture.Patience, TestContext.Current.CancellationToken);
        Assert.Equal("Message 'm1' of queue 'q' is settled already. Settle it once, as the last step of its handler.", error.Message);
    }

    [Theory]
    [InlineData(0.4, 1)]
    [InlineData(1, 1)]
    [InlineData(99, 99)]
    [InlineData(100, 100)]
    [InlineData(101, 110)]
    [InlineData(12_345, 13_000)]
    [InlineData(90_000, 90_000)]
    [InlineData(2_073_600_000, 2_100_000_000)]
    public void RoundDelay_AnyDelay_HasTwoDigitsAndIsNotShorter(double milliseconds, double rounded)
        => Assert.Equal(rounded, Forwarder.RoundDelay(TimeSpan.FromMilliseconds(milliseconds)).TotalMilliseconds);

    private static Task<BusFixture> StartAsync(Func<Order, IMessageContext, CancellationToken, ValueTask> handler)
        => BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q", static q => q.DeadLetterTo("dlq")).Queue("dlq"))
            .Publish<Order>(static p => p.ToQueue("q").MessageId(static _ => "m1"))
            .Consume("q", handler));

    private static ValueTask PublishAsync(BusFixture fixture)
        => fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);
}
