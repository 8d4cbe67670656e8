namespace EmbeddedMq.Compliance;

/// <summary>Prefetch, per consumer and per channel.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class PrefetchCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private const int LongPrefetch = 512;

    [Fact, AmqpItem("A7.5")]
    public async Task Prefetch_OfAConsumer_BoundsItsUnackedDeliveries()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 5);
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 2 });
        IReadOnlyList<Delivery> taken = await consumer.ExpectAllAsync("1", "2");
        await consumer.ExpectNoneAsync();
        await ExpectReadyAsync(queue, 3);
        await Channel.AckAsync(taken[0].DeliveryTag);
        await consumer.ExpectNextAsync("3");
        await consumer.ExpectNoneAsync();
        await Channel.AckAsync(0, multiple: true);
        await consumer.ExpectAllAsync("4", "5");
    }

    [Theory, AmqpItem("A7.5"), AmqpItem("A4.5"), AmqpItem("A3.21")]
    [InlineData("0", null)]
    [InlineData(null, 0)]
    public async Task Prefetch_LongAndOnePlaceFree_TakesWhatCannotWait(string? expiration, int? maxLength)
    {
        string queue = await DeclareQueueAsync(q => maxLength is { } most ? q.MaxLength(most) : q);
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = LongPrefetch });
        MessageProperties properties = (Engine.UsualProperties ?? MessageProperties.Empty) with { Expiration = expiration };
        await SendNumbersAsync(queue, LongPrefetch);
        await PublishAsync("", queue, "too late", properties);
        await AckNextAndWaitAsync(consumer);
        await PublishAsync("", queue, "in time", properties);
        await consumer.ExpectAllAsync([.. Numbers(2, LongPrefetch), "in time"]);
    }

    [Fact, AmqpItem("A7.5"), AmqpItem("A4.5")]
    public async Task Prefetch_LongAndOnePlaceFree_TakesWhatWouldExpire()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = LongPrefetch });
        await SendNumbersAsync(queue, LongPrefetch);
        await PublishAsync("", queue, "waits", (Engine.UsualProperties ?? MessageProperties.Empty) with { Expiration = "60000" });
        await AckNextAndWaitAsync(consumer);
        await ExpectReadyAsync(queue, 0);
    }

    [Fact, AmqpItem("A7.5"), AmqpItem("A4.9")]
    public async Task Prefetch_LongAndOnePlaceFree_MakesRoomInAFullQueue()
    {
        string queue = await DeclareQueueAsync(static q => q.MaxLength(1, Overflow.RejectPublish));
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = LongPrefetch });
        await SendNumbersAsync(queue, LongPrefetch + 1);
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("too many"))).Outcome);
        await AckNextAndWaitAsync(consumer);
        await SendAsync(queue, "fits");
        await consumer.ExpectAllAsync(Numbers(2, LongPrefetch + 1));
    }

    [Fact, AmqpItem("A7.5")]
    [DeliberateDifference("A prefetch of 256 or more that has been used up is filled again when half of it is free, an eighth where a publish finds that, or when nothing is left to read; RabbitMQ sends a message for each that is acknowledged. So more may be ready meanwhile; where waiting could cost a message, none waits.")]
    public async Task Prefetch_LongAndUsedUp_IsFilledAgainInParts()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = LongPrefetch });
        await SendNumbersAsync(queue, LongPrefetch + 300);
        for (int i = 1; i < LongPrefetch / 2; i++)
        {
            await consumer.AckNextAsync($"{i}");
        }

        await ExpectReadyAsync(queue, 300);
        await consumer.AckNextAsync($"{LongPrefetch / 2}");
        await ExpectReadyAsync(queue, 300 - (LongPrefetch / 2));
    }

    [Fact, AmqpItem("A7.5"), OftenGotWrong("qos(global=false) is for later consumers only")]
    public async Task SetPrefetch_PerConsumer_CountsForLaterConsumersOnly()
    {
        string queue = await DeclareQueueAsync();
        string other = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        TestConsumer unlimited = await ConsumeAsync(queue, channel: channel);
        await channel.SetPrefetchAsync(1);
        TestConsumer limited = await ConsumeAsync(other, channel: channel);
        await SendNumbersAsync(queue, 3);
        await SendNumbersAsync(other, 3);
        await unlimited.ExpectAllAsync("1", "2", "3");
        await limited.ExpectNextAsync("1");
        await limited.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.5"), OftenGotWrong("qos(global=false) is for later consumers only")]
    public async Task SetPrefetch_Raised_LeavesRunningConsumersAsTheyAre()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(1);
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await channel.SetPrefetchAsync(0);
        await SendNumbersAsync(queue, 2);
        await consumer.ExpectNextAsync("1");
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.5")]
    public async Task SetPrefetch_SetBackToZero_IsUnlimitedForTheNext()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(1);
        await channel.SetPrefetchAsync(0);
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await SendNumbersAsync(queue, 300);
        await consumer.ExpectAllAsync(Numbers(1, 300));
    }

    [Fact, AmqpItem("A7.5")]
    public async Task Prefetch_TwoConsumersOfOneChannel_HaveAWindowEach()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(2);
        TestConsumer first = await ConsumeAsync(queue, channel: channel);
        TestConsumer second = await ConsumeAsync(queue, channel: channel);
        await SendNumbersAsync(queue, 6);
        await first.ExpectAllAsync("1", "3");
        await second.ExpectAllAsync("2", "4");
        await first.ExpectNoneAsync();
        await second.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.6")]
    public async Task SetPrefetch_PerChannel_IsOneWindowForAllItsConsumers()
    {
        string queue = await DeclareQueueAsync();
        string other = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(3, perChannel: true);
        TestConsumer first = await ConsumeAsync(queue, channel: channel);
        TestConsumer second = await ConsumeAsync(other, channel: channel);
        await SendNumbersAsync(queue, 2);
        IReadOnlyList<Delivery> atFirst = await first.ExpectAllAsync("1", "2");
        await SendNumbersAsync(other, 3);
        await second.ExpectNextAsync("1");
        await second.ExpectNoneAsync();
        await channel.AckAsync(atFirst[0].DeliveryTag);
        await second.ExpectNextAsync("2");
        await second.ExpectNoneAsync();
        await first.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.6")]
    [DeliberateDifference("A window over a channel's consumers works on every queue type; RabbitMQ closes the connection with 540 on quorum queues.")]
    public async Task SetPrefetch_PerChannelOnAQuorumQueue_Bounds()
    {
        string queue = await DeclareQueueAsync(q => q.Durable().WithArgument(QueueArgument.QueueType, "quorum"));
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(1, perChannel: true);
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await SendNumbersAsync(queue, 2);
        await consumer.ExpectNextAsync("1");
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.6")]
    public async Task SetPrefetch_PerChannel_ActsOnRunningConsumersAtOnce()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await channel.SetPrefetchAsync(1, perChannel: true);
        await SendNumbersAsync(queue, 3);
        await consumer.ExpectNextAsync("1");
        await consumer.ExpectNoneAsync();
        await channel.SetPrefetchAsync(2, perChannel: true);
        await consumer.ExpectNextAsync("2");
        await consumer.ExpectNoneAsync();
        await channel.SetPrefetchAsync(0, perChannel: true);
        await consumer.ExpectNextAsync("3");
    }

    [Fact, AmqpItem("A7.6")]
    public async Task SetPrefetch_PerConsumerAfterPerChannel_EndsTheSharedWindow()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(1, perChannel: true);
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await SendNumbersAsync(queue, 3);
        await consumer.ExpectNextAsync("1");
        await consumer.ExpectNoneAsync();
        await channel.SetPrefetchAsync(5);
        await consumer.ExpectAllAsync("2", "3");
    }

    [Fact, AmqpItem("A7.6")]
    public async Task Prefetch_OfConsumerAndChannel_BothApply()
    {
        string queue = await DeclareQueueAsync();
        string other = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(2);
        await channel.SetPrefetchAsync(3, perChannel: true);
        TestConsumer first = await ConsumeAsync(queue, channel: channel);
        TestConsumer second = await ConsumeAsync(other, channel: channel);
        await SendNumbersAsync(queue, 3);
        await first.ExpectAllAsync("1", "2");
        await first.ExpectNoneAsync();
        await SendNumbersAsync(other, 3);
        await second.ExpectNextAsync("1");
        await second.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A7.6")]
    public async Task Prefetch_PerChannel_CountsWhatACancelledConsumerLeftUnacked()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(1, perChannel: true);
        await SendNumbersAsync(queue, 2);
        TestConsumer first = await ConsumeAsync(queue, channel: channel);
        Delivery unacked = await first.ExpectNextAsync("1");
        await first.Consumer.CancelAsync();
        TestConsumer second = await ConsumeAsync(queue, channel: channel);
        await second.ExpectNoneAsync();
        await channel.AckAsync(unacked.DeliveryTag);
        await second.ExpectNextAsync("2");
    }

    [Fact, AmqpItem("A7.7")]
    public async Task Get_PrefetchExhausted_IgnoresIt()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(1);
        await channel.SetPrefetchAsync(1, perChannel: true);
        await SendNumbersAsync(queue, 4);
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await consumer.ExpectNextAsync("1");
        Assert.Equal("2", (await GetUnsettledAsync(channel, queue)).Message.GetText());
        Assert.Equal("3", (await GetUnsettledAsync(channel, queue)).Message.GetText());
    }

    [Fact, AmqpItem("A7.6"), AmqpItem("A7.7")]
    [DeliberateDifference("What was got takes no place in the window that a channel's consumers share; RabbitMQ counts what is unsettled, by whatever means, when the window is set.")]
    public async Task SetPrefetch_PerChannelAfterAGet_LeavesTheWindowToConsumers()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await SendNumbersAsync(queue, 2);
        await GetUnsettledAsync(channel, queue);
        await channel.SetPrefetchAsync(1, perChannel: true);
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await consumer.ExpectNextAsync("2");
    }

    [Fact, AmqpItem("A7.5")]
    public async Task Prefetch_AutoAckConsumer_IsNotBound()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.SetPrefetchAsync(1);
        await SendNumbersAsync(queue, 5);
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { AutoAck = true }, channel);
        await consumer.ExpectAllAsync("1", "2", "3", "4", "5");
    }

    [Theory, AmqpItem("A7.5")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reject_OfAnUnackedDelivery_GivesCreditBack(bool requeue)
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 2);
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        await Channel.RejectAsync((await consumer.ExpectNextAsync("1")).DeliveryTag, requeue);
        await consumer.ExpectNextAsync(requeue ? "1" : "2");
        await consumer.ExpectNoneAsync();
    }

    // Its answer comes after the acknowledgement has been seen.
    private async Task AckNextAndWaitAsync(TestConsumer consumer)
    {
        await consumer.AckNextAsync("1");
        await Channel.DeclareQueuePassiveAsync(consumer.Consumer.Queue);
        await Engine.SettleAsync();
    }
}
