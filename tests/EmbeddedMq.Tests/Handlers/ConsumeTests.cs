using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Tests.Handlers;

public sealed class ConsumeTests
{
    [Fact]
    public async Task Message_Handled_IsAcknowledged()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t
                .Exchange("orders", ExchangeType.Topic, static e => e.Durable())
                .Queue("billing", static q => q.Durable())
                .Bind("billing", "orders", "order.*.placed"))
            .Publish<Order>(static p => p.To("orders", static o => $"order.{o.Region}.placed").Mandatory())
            .Consume<Order>("billing", received.HandleAsync));

        await fixture.Publisher.PublishAsync(new Order("1", "c", "eu"), cancellationToken: TestContext.Current.CancellationToken);

        (Order order, IMessageContext context) = await received.NextAsync();
        Assert.Equal(new Order("1", "c", "eu"), order);
        Assert.Equal("billing", context.Queue);
        Assert.Equal("orders", context.Exchange);
        Assert.Equal("order.eu.placed", context.RoutingKey);
        Assert.Equal(1, context.Attempt);
        await fixture.WaitForCountsAsync("billing", ready: 0);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("billing")).AckedTotal);
    }

    [Fact]
    public async Task HandlerClass_EachMessage_HasAScopeOfItsOwn()
    {
        ServiceCollection services = new();
        ScopeLog log = new();
        services.AddSingleton(log);
        services.AddScoped<ScopedResource>();
        services.AddScoped<ScopedHandler>();
        await using ServiceProvider provider = services.BuildServiceProvider(validateScopes: true);
        await using BusFixture fixture = await BusFixture.StartAsync(
            static mq => mq.Topology(static t => t.Queue("q")).Publish<Order>(static p => p.ToQueue("q")).Consume<Order, ScopedHandler>("q"),
            services: provider);

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);
        await fixture.Publisher.PublishAsync(new Order("2"), cancellationToken: TestContext.Current.CancellationToken);
        await fixture.WaitForCountsAsync("q", ready: 0);

        Assert.Equal(["made 1", "handled 1", "disposed 1", "made 2", "handled 2", "disposed 2"], log.Lines);
    }

    [Fact]
    public async Task HandlerClass_WithoutServices_KeepsTheBusFromStarting()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(
            () => fixture.StartBusAsync(static mq => mq.Topology(static t => t.Queue("q")).Consume<Order, ScopedHandler>("q")));

        Assert.StartsWith("The consumer of queue 'q' was started without services", Assert.Single(error.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HandlerClass_NotAmongTheServices_KeepsTheBusFromStarting()
    {
        await using ServiceProvider provider = new ServiceCollection().BuildServiceProvider();
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(
            () => fixture.StartBusAsync(static mq => mq.Topology(static t => t.Queue("q")).Consume<Order, ScopedHandler>("q"), services: provider));

        Assert.Equal(
            $"Handler {typeof(ScopedHandler)} of queue 'q' is not among the application's services. Register it: services.AddTransient<ScopedHandler>().",
            Assert.Single(error.Failures));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Concurrency_ManyMessages_IsReachedAndNotExceeded(int concurrency)
    {
        int running = 0;
        int most = 0;
        int handled = 0;
        TaskCompletionSource allAtOnce = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>(
                "q",
                async (_, _, cancellationToken) =>
                {
                    int now = Interlocked.Increment(ref running);
                    InterlockedMax(ref most, now);
                    if (now == concurrency)
                    {
                        allAtOnce.TrySetResult();
                    }

                    await allAtOnce.Task.WaitAsync(BrokerFixture.Patience, cancellationToken);
                    Interlocked.Decrement(ref running);
                    if (Interlocked.Increment(ref handled) == 40)
                    {
                        done.SetResult();
                    }
                },
                c => c.Concurrency(concurrency)));

        for (int i = 0; i < 40; i++)
        {
            await fixture.Publisher.PublishAsync(new Order($"{i}"), cancellationToken: TestContext.Current.CancellationToken);
        }

        await done.Task.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(concurrency, most);
    }

    [Fact]
    public async Task Prefetch_HandlersBusy_BoundsTheUnsettled()
    {
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>("q", async (_, _, _) => await go.Task, static c => c.Concurrency(2).Prefetch(5)));
        for (int i = 0; i < 20; i++)
        {
            await fixture.Publisher.PublishAsync(new Order($"{i}"), cancellationToken: TestContext.Current.CancellationToken);
        }

        await fixture.WaitForCountsAsync("q", ready: 15, unacked: 5);
        go.SetResult();
        await fixture.WaitForCountsAsync("q", ready: 0);
    }

    [Fact]
    public async Task Body_Unreadable_IsDeadLetteredWithTheReason()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("q"))
            .Consume<Order>("q", received.HandleAsync, static c => c.Retry(static r => r.Else(3, Backoff.Fixed(TimeSpan.FromSeconds(1))))));
        IChannel channel = await fixture.Broker.OpenChannelAsync();

        await channel.PublishAsync("", "q", Message.Text("{ not json"), cancellationToken: TestContext.Current.CancellationToken);
        await channel.PublishAsync("", "q", Message.Text("null"), cancellationToken: TestContext.Current.CancellationToken);

        await fixture.WaitForCountsAsync("q.error", ready: 2);
        Delivery dead = await fixture.Broker.NextDeliveryAsync("q.error");
        Assert.Equal("{ not json", dead.Message.GetText());
        Assert.Equal(MessageHeaders.ReasonUnreadable, dead.Message.Headers[MessageHeaders.Reason]);
        Assert.Equal("System.Text.Json.JsonException", dead.Message.Headers[MessageHeaders.ErrorType]);
        Assert.Equal("q", dead.Message.Headers[MessageHeaders.Queue]);
        Assert.Equal(0, dead.Message.Headers[MessageHeaders.FailedAttempts]);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal(0, received.Count);
    }

    [Fact]
    public async Task DeadLetterDestination_Missing_KeepsTheMessageUntilItExists()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q").Exchange("dlx", ExchangeType.Fanout))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>("q", static (_, _, _) => throw new InvalidOperationException("no"), static c => c.DeadLetterTo("dlx", "k")));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);
        await fixture.Log.NextAsync(1204);
        Assert.Equal(1, (await fixture.Broker.DescribeAsync("q")).UnackedCount);

        IChannel channel = await fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("late", cancellationToken: TestContext.Current.CancellationToken);
        await channel.BindQueueAsync("late", "dlx", "", cancellationToken: TestContext.Current.CancellationToken);
        await fixture.AdvanceUntilAsync(fixture.Log.NextAsync(1201), TimeSpan.FromMilliseconds(500));

        await fixture.WaitForCountsAsync("late", ready: 1);
        await fixture.WaitForCountsAsync("q", ready: 0);
        Assert.Equal("1", (await System.Text.Json.JsonSerializer.DeserializeAsync<Order>(
            new MemoryStream((await fixture.Broker.NextDeliveryAsync("late")).Body.ToArray()),
            System.Text.Json.JsonSerializerOptions.Web,
            TestContext.Current.CancellationToken))!.Id);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen = Volatile.Read(ref target);
        while (value > seen)
        {
            seen = Interlocked.CompareExchange(ref target, value, seen);
        }
    }

    private sealed class ScopeLog
    {
        private readonly ConcurrentQueue<string> _lines = new();
        private int _made;

        public IEnumerable<string> Lines => _lines;

        public int NextNumber() => Interlocked.Increment(ref _made);

        public void Add(string line) => _lines.Enqueue(line);
    }

    private sealed class ScopedResource : IDisposable
    {
        private readonly ScopeLog _log;
        private readonly int _number;

        public ScopedResource(ScopeLog log)
        {
            _log = log;
            _number = log.NextNumber();
            log.Add($"made {_number}");
        }

        public void Dispose() => _log.Add($"disposed {_number}");
    }

    private sealed class ScopedHandler(ScopedResource resource, ScopeLog log) : IMessageHandler<Order>
    {
        public ValueTask HandleAsync(Order message, IMessageContext context, CancellationToken cancellationToken)
        {
            Assert.Same(resource, context.Services.GetRequiredService<ScopedResource>());
            log.Add($"handled {message.Id}");
            return ValueTask.CompletedTask;
        }
    }
}
