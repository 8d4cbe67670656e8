namespace EmbeddedMq.Compliance;

/// <summary>Delivery limits and counts of failed deliveries.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class DeliveryLimitCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    protected override EngineCapabilities Needs => EngineCapabilities.DeliveryLimit;

    [Theory, AmqpItem("A7.18"), OftenGotWrong("delivery limit n means n + 1 deliveries")]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Limit_OfN_DeliversNPlusOneTimesThenDeadLetters(int limit)
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => Engine.DeliveryLimitQueue(q).WithDeliveryLimit(limit).DeadLetterTo(dead));
        await SendAsync(queue, "m");
        for (int delivery = 0; delivery <= limit; delivery++)
        {
            await ReturnAsync(queue);
        }

        Delivery last = await GetAsync(dead);
        Assert.Equal(("m", DeathReason.DeliveryLimit, queue), (last.Message.GetText(), last.Deaths[0].Reason, last.Deaths[0].Queue));
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A7.18")]
    public async Task Limit_ExceededWithoutDeadLetterExchange_Drops()
    {
        string queue = await DeclareQueueAsync(q => Engine.DeliveryLimitQueue(q).WithDeliveryLimit(1));
        await SendAsync(queue, "m");
        await ReturnAsync(queue);
        await ReturnAsync(queue);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A7.18")]
    public async Task Limit_ChannelLost_CountsAsAFailedDelivery()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => Engine.DeliveryLimitQueue(q).WithDeliveryLimit(1).DeadLetterTo(dead));
        await SendAsync(queue, "m");
        for (int i = 0; i < 2; i++)
        {
            IChannel channel = await OpenChannelAsync();
            await GetUnsettledAsync(channel, queue);
            await channel.CloseAsync();
        }

        await ExpectMessagesAsync(dead, "m");
    }

    [Fact, AmqpItem("A7.17")]
    public async Task DeliveryCount_AfterFailedDeliveries_CountsThem()
    {
        string queue = await DeclareQueueAsync(Engine.DeliveryLimitQueue);
        TestConsumer consumer = await ConsumeAsync(queue);
        await SendAsync(queue, "m");
        for (int failed = 0; failed < 4; failed++)
        {
            Delivery delivery = await consumer.ExpectNextAsync("m");
            Assert.Equal((failed, failed > 0), (delivery.DeliveryCount, delivery.Redelivered));
            await Channel.RejectAsync(delivery.DeliveryTag, requeue: true);
        }
    }

    [Fact, AmqpItem("A7.17")]
    public async Task DeliveryCountHeader_OnQuorumConsumerDeliveries_IsThereOnlyWhenRedelivered()
    {
        string queue = await DeclareQueueAsync(q => q.Durable().WithArgument(QueueArgument.QueueType, "quorum"));
        TestConsumer consumer = await ConsumeAsync(queue);
        await SendAsync(queue, "m");
        Delivery first = await consumer.ExpectNextAsync("m");
        Assert.False(first.Message.Headers.ContainsKey("x-delivery-count"));
        await Channel.RejectAsync(first.DeliveryTag, requeue: true);
        Delivery second = await consumer.ExpectNextAsync("m");
        Assert.Equal(1L, second.Message.Headers.GetValueOrDefault("x-delivery-count"));
    }

    [Fact, AmqpItem("A7.18")]
    public async Task NoLimit_ManyReturns_KeepTheMessage()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        for (int i = 0; i < 30; i++)
        {
            await ReturnAsync(queue);
        }

        await ExpectMessagesAsync(queue, "m");
    }

    [Fact]
    [DeliberateDifference("A delivery limit is offered on every queue type; RabbitMQ refuses x-delivery-limit on classic queues.")]
    public async Task ClassicQueue_WithDeliveryLimit_KeepsToIt()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.WithDeliveryLimit(1).DeadLetterTo(dead));
        await SendAsync(queue, "m");
        await ReturnAsync(queue);
        await ReturnAsync(queue);
        await ExpectMessagesAsync(queue);
        await ExpectMessagesAsync(dead, "m");
    }

    [Fact, AmqpItem("A7.18"), AmqpItem("A5.8")]
    public async Task Limit_ExceededInAQueueThatDeadLettersToItself_DropsTheMessage()
    {
        string queue = Name("self");
        await Channel.DeclareQueueAsync(queue, q => Engine.DeliveryLimitQueue(q).WithDeliveryLimit(0).DeadLetterTo("", queue));
        await SendAsync(queue, "m");
        await ReturnAsync(queue);
        await ExpectMessagesAsync(queue);
    }

    private async Task ReturnAsync(string queue)
        => await Channel.RejectAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag, requeue: true);
}
