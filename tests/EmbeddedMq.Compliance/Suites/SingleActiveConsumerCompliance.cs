namespace EmbeddedMq.Compliance;

/// <summary>Queues with a single active consumer.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class SingleActiveConsumerCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A7.10")]
    public async Task SingleActive_SeveralConsumers_TheFirstGetsEverything()
    {
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        TestConsumer first = await ConsumeAsync(queue);
        TestConsumer second = await ConsumeAsync(queue, channel: await OpenChannelAsync());
        await SendNumbersAsync(queue, 10);
        await first.ExpectAllAsync(Numbers(1, 10));
        await second.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.10")]
    public async Task SingleActive_PrefetchFull_OthersStillGetNothing()
    {
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        TestConsumer first = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        TestConsumer second = await ConsumeAsync(queue);
        await SendNumbersAsync(queue, 2);
        await first.ExpectNextAsync("1");
        await second.ExpectNoneAsync();
        await ExpectReadyAsync(queue, 1);
    }

    [Fact, AmqpItem("A7.10")]
    public async Task SingleActive_ActiveIsCancelled_TheNextInOrderTakesOver()
    {
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        TestConsumer first = await ConsumeAsync(queue);
        TestConsumer second = await ConsumeAsync(queue);
        TestConsumer third = await ConsumeAsync(queue);
        await SendAsync(queue, "1");
        await first.AckNextAsync("1");
        await first.Consumer.CancelAsync();
        await SendAsync(queue, "2");
        await second.AckNextAsync("2");
        await second.Consumer.CancelAsync();
        await SendAsync(queue, "3");
        await third.AckNextAsync("3");
    }

    [Theory, AmqpItem("A7.10")]
    [InlineData("classic", 0, 2, 3, 1)]
    [InlineData("quorum", 0, 1, 2, 3)] // takes no notice of priorities
    public async Task SingleActive_WithPriorities_TakeOverTheHighestFirst(string type, params int[] order)
    {
        string queue = await DeclareQueueAsync(q => q.Durable().WithArgument(QueueArgument.QueueType, type).SingleActiveConsumer());
        List<TestConsumer> consumers = [];
        foreach (int priority in (int[])[0, 1, 5, 5])
        {
            consumers.Add(await ConsumeAsync(queue, new ConsumerOptions { Priority = priority }));
        }

        foreach (int active in order)
        {
            await SendAsync(queue, $"{active}");
            await consumers[active].AckNextAsync($"{active}");
            await consumers[active].Consumer.CancelAsync();
        }
    }

    [Theory, AmqpItem("A7.10")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SingleActive_ActiveIsLost_TheNextGetsItsUnackedToo(bool byConnection)
    {
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        IConnection connection = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: connection);
        TestConsumer first = await ConsumeAsync(queue, channel: channel);
        TestConsumer second = await ConsumeAsync(queue);
        await SendNumbersAsync(queue, 3);
        await first.ExpectAllAsync("1", "2", "3");
        await (byConnection ? connection.CloseAsync() : channel.CloseAsync());
        IReadOnlyList<Delivery> taken = await second.ExpectAllAsync("1", "2", "3");
        Assert.All(taken, delivery => Assert.True(delivery.Redelivered));
    }

    [Fact, AmqpItem("A7.10")]
    public async Task SingleActive_WaitingOneIsCancelled_TheActiveStays()
    {
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        TestConsumer first = await ConsumeAsync(queue);
        TestConsumer second = await ConsumeAsync(queue);
        TestConsumer third = await ConsumeAsync(queue);
        await second.Consumer.CancelAsync();
        await SendAsync(queue, "1");
        await first.AckNextAsync("1");
        await first.Consumer.CancelAsync();
        await SendAsync(queue, "2");
        await third.AckNextAsync("2");
    }

    [Fact, AmqpItem("A7.10")]
    public async Task SingleActive_UnackedOfACancelledConsumer_ComeToTheNextWhenReturned()
    {
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        IChannel channel = await OpenChannelAsync();
        TestConsumer first = await ConsumeAsync(queue, channel: channel);
        TestConsumer second = await ConsumeAsync(queue);
        await SendAsync(queue, "1");
        Delivery unacked = await first.ExpectNextAsync("1");
        await first.Consumer.CancelAsync();
        await SendAsync(queue, "2");
        await second.AckNextAsync("2");
        await channel.NackAsync(unacked.DeliveryTag);
        await second.AckNextAsync("1");
    }

    [Fact, AmqpItem("A7.9")]
    public async Task ExclusiveConsume_OnSingleActiveQueue_Is403()
    {
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        await ExpectChannelErrorAsync(
            ReplyCode.AccessRefused, $"{QueueIn(queue)} in exclusive use", c => c.StartConsumerAsync(queue, new ConsumerOptions { Exclusive = true }));
    }

    [Fact, AmqpItem("A7.10")]
    public async Task Get_OnClassicSingleActiveQueue_TakesAMessage()
    {
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        await SendAsync(queue, "m");
        await ExpectMessagesAsync(queue, "m");
    }

    [Fact, AmqpItem("A7.10")]
    public async Task Get_OnQuorumSingleActiveQueue_Is405()
    {
        string queue = await DeclareQueueAsync(q => q.Durable().WithArgument(QueueArgument.QueueType, "quorum").SingleActiveConsumer());
        await ExpectChannelErrorAsync(
            ReplyCode.ResourceLocked,
            $"cannot obtain access to locked {QueueIn(queue)}. basic.get operations are not supported by quorum queues with single active consumer",
            c => c.GetAsync(queue));
    }

    [Fact, AmqpItem("A7.10")]
    public async Task ActiveConsumer_InListings_IsShown()
    {
        Require(EngineCapabilities.Listings);
        string queue = await DeclareQueueAsync(q => q.SingleActiveConsumer());
        TestConsumer first = await ConsumeAsync(queue);
        TestConsumer second = await ConsumeAsync(queue);
        Assert.Equal(first.Consumer.ConsumerTag, await ActiveTagAsync(queue));
        await first.Consumer.CancelAsync();
        Assert.Equal(second.Consumer.ConsumerTag, await ActiveTagAsync(queue));
    }

    private async Task<string?> ActiveTagAsync(string queue)
        => Assert.Single(await Broker.Management.ListQueuesAsync(VirtualHost), description => description.Name == queue).ActiveConsumerTag;
}
