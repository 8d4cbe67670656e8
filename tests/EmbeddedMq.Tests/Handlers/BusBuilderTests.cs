using EmbeddedMq.Handlers.Configuration;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Tests.Handlers;

public sealed class BusBuilderTests
{
    private static readonly Func<Order, IMessageContext, CancellationToken, ValueTask> Nothing = static (_, _, _) => ValueTask.CompletedTask;

    [Fact]
    public async Task Start_ManyMistakes_TellsAllInOneError()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();

        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(async () => await fixture.StartBusAsync(
            static mq => mq
                .Topology(static t => t
                    .Exchange("", ExchangeType.Direct)
                    .Queue("twice").Queue("twice", static q => q.Durable())
                    .Exchange("both", ExchangeType.Direct).Exchange("both", ExchangeType.Topic)
                    .Bind("q", "x", new string('k', 256)))
                .Publish<Order>(static p => p.To("x", "k").TimeToLive(TimeSpan.FromSeconds(-1)))
                .Consume("a", Nothing, static c => c.Concurrency(0))
                .Consume("b", Nothing, static c => c.Concurrency(10).Prefetch(5))
                .Consume("c", Nothing, static c => c.Retry(static r => r.Else(0, Backoff.None).On<TimeoutException>(2_000, Backoff.None)))
                .Consume("d", Nothing).Consume("d", Nothing)
                .Consume("e", Nothing, static c => c.DeadLetterTo("e")),
            static options =>
            {
                options.MaxRestartDelay = TimeSpan.Zero;
                options.Consumers["typo"] = new ConsumerSettings();
            }));

        Assert.Equal(
            [
                "The name of a exchange is empty. Give it one.",
                "Queue 'twice' is declared twice, differently. Declare it once.",
                "Exchange 'both' is declared twice, differently. Declare it once.",
                $"The binding key '{new string('k', 256)}' is longer than 255 bytes of UTF-8. Shorten it.",
                "The time to live of Order is -00:00:01. It must be zero or more.",
                "The number of retries of the consumer of queue 'c' is 0. It must be 1 to 1000.",
                "The number of retries of the consumer of queue 'c' is 2000. It must be 1 to 1000.",
                "MaxRestartDelay is 00:00:00. It must be 00:00:00.5000000 to 24.00:00:00.",
                "The concurrency of the consumer of queue 'a' is 0. It must be 1 to 4096.",
                "The prefetch of the consumer of queue 'b' is 5. It must be 10 to 65535.",
                "The dead-letter destination of the consumer of queue 'e' is that queue itself: failed messages would come back for ever. Name another.",
                "Queue 'd' is consumed 2 times, so each of its messages would reach one of the handlers only. Bind a queue of its own for each handler, or raise the concurrency of one.",
                "There are settings for a consumer of queue 'typo', and no such consumer. Correct the name in the section Consumers.",
            ],
            error.Failures);
        Assert.Empty(await fixture.Broker.Broker.Management.ListQueuesAsync("/", TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Build_Settings_WinOverTheCode()
    {
        MessageBusOptions options = new() { Consumers = { ["q"] = new ConsumerSettings { Concurrency = 8, Prefetch = 9 } } };
        BusPlan plan = Build(static mq => mq.Consume("q", Nothing, static c => c.Concurrency(2).Prefetch(3)).Consume("r", Nothing, static c => c.Concurrency(50)), options);

        Assert.Equal((8, 9), (plan.Consumers[0].Concurrency, plan.Consumers[0].EffectivePrefetch));
        Assert.Equal((50, 200), (plan.Consumers[1].Concurrency, plan.Consumers[1].EffectivePrefetch));
    }

    [Fact]
    public void Build_PlaceToWait_FollowsFromQueueAndKeys()
    {
        BusPlan plan = Build(static mq => mq
            .Topology(static t => t
                .Queue("exclusive", static q => q.Exclusive())
                .Queue("gone", static q => q.AutoDelete())
                .Queue("refusing", static q => q.MaxLength(9, Overflow.RejectPublish))
                .Queue("dropping", static q => q.MaxLength(9)))
            .Consume("plain", Nothing)
            .Consume("keyed", Nothing, static c => c.KeyBy(static order => order.Id))
            .Consume("exclusive", Nothing)
            .Consume("gone", Nothing)
            .Consume("refusing", Nothing)
            .Consume("dropping", Nothing)
            .Consume("chosen", Nothing, static c => c.KeyBy(static order => order.Id).Retry(static r => r.WaitIn(RetryWait.Queue))));

        Assert.Equal(
            [RetryWait.Queue, RetryWait.Consumer, RetryWait.Consumer, RetryWait.Consumer, RetryWait.Consumer, RetryWait.Queue, RetryWait.Queue],
            plan.Consumers.Select(static consumer => consumer.Retry.Wait));
    }

    [Fact]
    public async Task DeadLetterQueue_ExistsWithArgumentsOfItsOwn_IsLeftAsItIs()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();
        IChannel channel = await fixture.Broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q.error", static q => q.MaxLength(5), TestContext.Current.CancellationToken);

        await fixture.StartBusAsync(static mq => mq.Topology(static t => t.Queue("q")).Consume("q", Nothing));

        Assert.Equal(5L, (await fixture.Broker.DescribeAsync("q.error")).Declaration.Arguments[QueueArgument.MaxLength]);
    }

    [Fact]
    public async Task VirtualHost_Other_IsCreatedAndUsed()
    {
        Received received = new();
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .VirtualHost("shop")
            .Topology(static t => t.Queue("q").Policy(new Policy("limit", "^q$", HeaderTable.Of("max-length", 10))))
            .Publish<Order>(static p => p.ToQueue("q"))
            .Consume<Order>("q", received.HandleAsync));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("1", (await received.NextAsync()).Order.Id);
        Assert.Equal("limit", (await fixture.Broker.DescribeAsync("q", "shop")).Policy);
        Assert.Empty(await fixture.Broker.Broker.Management.ListQueuesAsync("/", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task PublishConfiguredTwice_SecondAddsToTheFirst()
    {
        await using BusFixture fixture = await BusFixture.StartAsync(static mq => mq
            .Topology(static t => t.Queue("q"))
            .Publish<Order>(static p => p.ToQueue("q").Priority(4))
            .Publish<Order>(static p => p.Type("order")));

        await fixture.Publisher.PublishAsync(new Order("1"), cancellationToken: TestContext.Current.CancellationToken);

        MessageProperties properties = (await fixture.Broker.NextDeliveryAsync("q")).Properties;
        Assert.Equal(((byte?)4, "order"), (properties.Priority, properties.Type));
    }

    private static BusPlan Build(Action<IEmbeddedMqBuilder> configure, MessageBusOptions? options = null)
    {
        BusBuilder builder = new("");
        configure(builder);
        BusPlan plan = builder.Build(options ?? new MessageBusOptions(), out IReadOnlyList<string> errors);
        Assert.Empty(errors);
        return plan;
    }
}
