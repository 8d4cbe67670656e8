namespace EmbeddedMq.Compliance;

/// <summary>Order and visibility of what one and several channels do.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class OrderingCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A14.1")]
    public async Task Publishes_OfOneChannel_ArriveInOrder()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: await OpenChannelAsync());
        List<Task<ulong>> publishes = [.. Numbers(1, 1000).Select(text => Channel.PublishAsync("", queue, Message.Text(text)).AsTask())];
        await consumer.ExpectAllAsync(Numbers(1, 1000));
        await SoonAsync(Task.WhenAll(publishes));
    }

    [Fact, AmqpItem("A14.1")]
    public async Task Publishes_OfSeveralChannelsAtOnce_KeepEachChannelsOrder()
    {
        string queue = await DeclareQueueAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async publisher =>
        {
            IChannel channel = await OpenChannelAsync();
            foreach (string number in Numbers(1, 200))
            {
                await channel.PublishAsync("", queue, Message.Text($"{publisher}:{number}"));
            }
        }));
        TestConsumer consumer = await ConsumeAsync(queue);
        List<string[]> received = [];
        for (int i = 0; i < 800; i++)
        {
            received.Add((await consumer.ExpectNextAsync()).Message.GetText().Split(':'));
        }

        foreach (IGrouping<string, string[]> publisher in received.GroupBy(parts => parts[0]))
        {
            Assert.Equal(Numbers(1, 200), publisher.Select(parts => parts[1]));
        }
    }

    [Fact, AmqpItem("A14.2")]
    public async Task Declarations_OfOneConnection_AreVisibleToOthersAtOnce()
    {
        IChannel other = await OpenChannelAsync(connection: await ConnectAsync());
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareBoundQueueAsync(exchange, "k");
        await other.PublishAsync(exchange, "k", Message.Text("m"), PublishFlags.Mandatory);
        Assert.Equal(new QueueDeclared(queue, 1, 0), await other.DeclareQueuePassiveAsync(queue));
        await other.DeleteExchangeAsync(exchange);
        Assert.False(await ExchangeExistsAsync(exchange));
    }

    [Fact, AmqpItem("A14.3")]
    public async Task Calls_MadeWithoutWaiting_TakeEffectInOrder()
    {
        string exchange = Name("x");
        string queue = Name("q");
        IChannel channel = await OpenChannelAsync();
        Task<QueueDeclared> declared = channel.DeclareQueueAsync(queue).AsTask();
        Task exchanged = channel.DeclareExchangeAsync(exchange, ExchangeType.Direct).AsTask();
        Task bound = channel.BindQueueAsync(queue, exchange, "k").AsTask();
        Task<ulong> published = channel.PublishAsync(exchange, "k", Message.Text("m"), PublishFlags.Mandatory).AsTask();
        Task unbound = channel.UnbindQueueAsync(queue, exchange, "k").AsTask();
        Task<PublishResult> unrouted = channel.TryPublishAsync(exchange, "k", Message.Text("n"), PublishFlags.Mandatory).AsTask();
        Task<GetResult?> got = channel.GetAsync(queue, autoAck: true).AsTask();
        await Task.WhenAll(declared, exchanged, bound, published, unbound, unrouted, got).WaitAsync(Engine.Patience);
        Assert.Equal(("m", PublishOutcome.Returned), ((await got)?.Delivery.Message.GetText(), (await unrouted).Outcome));
    }

    [Fact, AmqpItem("A14.1")]
    public async Task Messages_ThroughSeveralExchangesOfOnePath_ArriveInOrder()
    {
        string source = await DeclareExchangeAsync(ExchangeType.Topic);
        string fanout = await DeclareExchangeAsync(ExchangeType.Fanout);
        await Channel.BindExchangeAsync(fanout, source, "#");
        string first = await DeclareBoundQueueAsync(fanout);
        string second = await DeclareBoundQueueAsync(source, "even.*");
        foreach (string number in Numbers(1, 100))
        {
            await PublishAsync(source, (int.Parse(number) % 2 == 0 ? "even." : "odd.") + number, number);
        }

        await ExpectMessagesAsync(first, Numbers(1, 100));
        await ExpectMessagesAsync(second, [.. Numbers(1, 100).Where(number => int.Parse(number) % 2 == 0)]);
    }
}
