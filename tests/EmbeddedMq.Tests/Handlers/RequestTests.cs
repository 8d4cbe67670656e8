using EmbeddedMq.Handlers;
using EmbeddedMq.Handlers.Publishing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Handlers;

public sealed class RequestTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Request_Handled_GetsItsOwnAnswer()
    {
        await using BusFixture fixture = await StartAsync(static (order, _, _) => new ValueTask<OrderStatus>(new OrderStatus(order.Id, "paid")), static c => c.Concurrency(4));

        OrderStatus[] answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(
            i => fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order($"{i}"), cancellationToken: Token).AsTask()));

        Assert.Equal(Enumerable.Range(0, 50).Select(static i => new OrderStatus($"{i}", "paid")), answers);
        await fixture.WaitForCountsAsync("rpc", ready: 0);
    }

    [Fact]
    public async Task Request_HandlerClass_CanAnswer()
    {
        Microsoft.Extensions.DependencyInjection.ServiceCollection services = new();
        Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddScoped<StatusHandler>(services);
        await using Microsoft.Extensions.DependencyInjection.ServiceProvider provider =
            Microsoft.Extensions.DependencyInjection.ServiceCollectionContainerBuilderExtensions.BuildServiceProvider(services);
        await using BusFixture fixture = await BusFixture.StartAsync(
            static mq => mq.Topology(static t => t.Queue("rpc")).Publish<Order>(static p => p.ToQueue("rpc")).Respond<Order, OrderStatus, StatusHandler>("rpc"),
            services: provider);

        OrderStatus answer = await fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("7"), cancellationToken: Token);

        Assert.Equal(new OrderStatus("7", "from a class"), answer);
    }

    [Fact]
    public async Task Request_NoAnswerInTime_TimesOutInVirtualTime()
    {
        TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await StartAsync(async (order, _, _) =>
        {
            begun.TrySetResult();
            await hold.Task;
            return new OrderStatus(order.Id, "late");
        });

        Task<OrderStatus> request = fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("1"), Second, cancellationToken: Token).AsTask();
        await begun.Task.WaitAsync(TestSupport.BrokerFixture.Patience, Token);
        fixture.Time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(request.IsCompleted);
        fixture.Time.Advance(TimeSpan.FromMilliseconds(1));

        TimeoutException error = await Assert.ThrowsAsync<TimeoutException>(() => request.WaitAsync(TestSupport.BrokerFixture.Patience, Token));
        Assert.Contains("No answer came within 00:00:01 to the request to exchange '' with key 'rpc'", error.Message, StringComparison.Ordinal);
        hold.SetResult();
        await fixture.Log.NextAsync(1302);
    }

    [Fact]
    public async Task Request_WaitsInTheQueueBeyondItsTimeout_IsNotHandled()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("rpc")).Publish<Order>(static p => p.ToQueue("rpc")));

        Task<OrderStatus> request = fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("1"), Second, cancellationToken: Token).AsTask();
        await fixture.AdvanceUntilAsync(request.ContinueWith(static _ => { }, TaskScheduler.Default), TimeSpan.FromMilliseconds(500));

        await Assert.ThrowsAsync<TimeoutException>(() => request);
        await fixture.WaitForCountsAsync("rpc", ready: 0);
    }

    [Fact]
    public async Task Request_HandlerFails_FaultsAtOnceAndIsDeadLettered()
    {
        await using BusFixture fixture = await StartAsync(static (_, _, _) => throw new InvalidOperationException("no such order"));

        RequestFaultException error = await Assert.ThrowsAsync<RequestFaultException>(
            async () => await fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("1"), cancellationToken: Token));

        Assert.Equal("System.InvalidOperationException", error.ErrorType);
        Assert.Equal("no such order", error.ErrorMessage);
        await fixture.WaitForCountsAsync("rpc.error", ready: 1);
    }

    [Fact]
    public async Task Request_HandlerFailsOnce_IsAnsweredAfterTheRetry()
    {
        await using BusFixture fixture = await StartAsync(
            static (order, context, _) => context.Attempt == 1 ? throw new TimeoutException() : new ValueTask<OrderStatus>(new OrderStatus(order.Id, "second try")),
            static c => c.Retry(static r => r.Else(1, Backoff.Fixed(Second))));

        Task<OrderStatus> request = fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("1"), cancellationToken: Token).AsTask();
        await fixture.WaitForCountsAsync("rpc.retry.1000", ready: 1);
        fixture.Time.Advance(Second);

        Assert.Equal("second try", (await request.WaitAsync(TestSupport.BrokerFixture.Patience, Token)).Status);
    }

    [Fact]
    public async Task Request_UnreadableOrRejected_Faults()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("rpc").Queue("rejecting"))
            .Publish<string>(static p => p.ToQueue("rpc"))
            .Respond<Order, OrderStatus>("rpc", static (order, _, _) => new ValueTask<OrderStatus>(new OrderStatus(order.Id, "")))
            .Consume<Order>("rejecting", static (_, context, cancellationToken) => context.RejectAsync(cancellationToken)));

        RequestFaultException unreadable = await Assert.ThrowsAsync<RequestFaultException>(
            async () => await fixture.Publisher.RequestAsync<string, OrderStatus>("not an order", cancellationToken: Token));
        RequestFaultException rejected = await Assert.ThrowsAsync<RequestFaultException>(
            async () => await fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("1"), options: PublishOptions.ToQueue("rejecting"), cancellationToken: Token));

        Assert.Equal("System.Text.Json.JsonException", unreadable.ErrorType);
        Assert.Equal("The handler rejected the request.", rejected.ErrorMessage);
    }

    [Fact]
    public async Task Request_AnsweredWithNull_FaultsWithWhatIsWrong()
    {
        await using BusFixture fixture = await StartAsync(static (_, _, _) => new ValueTask<OrderStatus>((OrderStatus)null!));

        RequestFaultException error = await Assert.ThrowsAsync<RequestFaultException>(
            async () => await fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("1"), cancellationToken: Token));

        Assert.Equal("The handler of queue 'rpc' answered a request with null, which no message can be. Answer with an object that says so.", error.ErrorMessage);
    }

    [Fact]
    public async Task Request_AnswerOfAnotherType_SaysWhichAnswerCannotBeRead()
    {
        await using BusFixture fixture = await StartAsync(static (order, _, _) => new ValueTask<OrderStatus>(new OrderStatus(order.Id, "paid")));

        InvalidOperationException error = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await fixture.Publisher.RequestAsync<Order, int>(new Order("1"), cancellationToken: Token));

        Assert.StartsWith("The answer to the request to exchange '' with key 'rpc' cannot be read as System.Int32: ", error.Message, StringComparison.Ordinal);
        Assert.IsType<System.Text.Json.JsonException>(error.InnerException);
    }

    [Fact]
    public async Task Request_ConnectionDoesNotOpen_TimesOutAllTheSame()
    {
        FakeTimeProvider time = new();
        await using BusConnection connection = new(static cancellationToken => NeverAsync(cancellationToken), "/", "test");
        await using RequestChannel channel = new(connection, time, NullLogger.Instance);
        Outgoing request = new("", "rpc", Message.Text("?"), PublishFlags.Mandatory);

        Task<Message> reply = channel.RequestAsync(request, "1", Second, Token).AsTask();
        time.Advance(Second);

        await Assert.ThrowsAsync<TimeoutException>(() => reply.WaitAsync(TestSupport.BrokerFixture.Patience, Token));
    }

    [Fact]
    public async Task Request_BusEndsWhileTheConnectionOpens_SaysSoInsteadOfBeingCancelled()
    {
        BusConnection connection = new(static cancellationToken => NeverAsync(cancellationToken), "/", "test");
        Task<IConnection> opening = connection.GetAsync(Token).AsTask();

        await connection.DisposeAsync();

        ObjectDisposedException error = await Assert.ThrowsAsync<ObjectDisposedException>(() => opening.WaitAsync(TestSupport.BrokerFixture.Patience, Token));
        Assert.StartsWith("The message bus of connection 'test' has ended", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Request_NoSuchQueue_FailsAtOnce()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq.Publish<Order>(static p => p.ToQueue("nowhere").Mandatory(false)));

        PublishException error = await Assert.ThrowsAsync<PublishException>(
            async () => await fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("1"), cancellationToken: Token));

        Assert.Equal(PublishOutcome.Returned, error.Result.Outcome);
    }

    [Fact]
    public async Task Request_ConnectionLost_FailsAndTheNextOneWorks()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource hold = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await StartAsync(async (order, _, _) =>
        {
            if (order.Id == "1")
            {
                begun.TrySetResult();
                await hold.Task;
            }

            return new OrderStatus(order.Id, "ok");
        });
        Task<OrderStatus> first = fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("1"), cancellationToken: Token).AsTask();
        await begun.Task.WaitAsync(TestSupport.BrokerFixture.Patience, Token);

        await fixture.Broker.Broker.Management.CloseConnectionsAsync("EmbeddedMq.publish", "test", Token);

        ChannelException error = await Assert.ThrowsAsync<ChannelException>(() => first.WaitAsync(TestSupport.BrokerFixture.Patience, Token));
        Assert.True(error.IsTransient);
        hold.SetResult();
        await fixture.Log.NextAsync(1300); // the first answer finds nobody
        Assert.Equal("ok", (await fixture.Publisher.RequestAsync<Order, OrderStatus>(new Order("2"), cancellationToken: Token)).Status);
    }

    [Fact]
    public async Task Respond_MessageWithoutReplyTo_IsHandledAndItsAnswerDropped()
    {
        await using BusFixture fixture = await StartAsync(static (order, _, _) => new ValueTask<OrderStatus>(new OrderStatus(order.Id, "paid")));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: Token);

        await fixture.Log.NextAsync(1300);
        await fixture.WaitForCountsAsync("rpc", ready: 0);
        Assert.Equal(0, (await fixture.Broker.DescribeAsync("rpc.error")).ReadyCount);
    }

    private static async ValueTask<IBroker> NeverAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        throw new InvalidOperationException("not reached");
    }

    private static Task<BusFixture> StartAsync(
        Func<Order, IMessageContext, CancellationToken, ValueTask<OrderStatus>> handler, Action<IConsumerBuilder<Order>>? configure = null)
        => BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("rpc"))
            .Publish<Order>(static p => p.ToQueue("rpc"))
            .Respond("rpc", handler, configure));

    private sealed class StatusHandler : IRequestHandler<Order, OrderStatus>
    {
        public ValueTask<OrderStatus> HandleAsync(Order request, IMessageContext context, CancellationToken cancellationToken)
            => new(new OrderStatus(request.Id, "from a class"));
    }
}
