namespace EmbeddedMq.Compliance;

/// <summary>Time to live of messages.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class TtlCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{

    [Theory, AmqpItem("A4.4"), AmqpItem("A4.5")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TtlZero_RequeuedByTheOnlyConsumer_Expires(bool byQueue)
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => byQueue ? q.WithMessageTtl(TimeSpan.Zero).DeadLetterTo(dead) : q.DeadLetterTo(dead));
        TestConsumer consumer = await ConsumeAsync(queue);
        await PublishAsync("", queue, "m", byQueue ? null : new MessageProperties { Expiration = "0" });
        await Channel.NackAsync((await consumer.ExpectNextAsync("m")).DeliveryTag);
        await ExpectMessagesAsync(dead, "m");
        await consumer.ExpectNoneAsync();
    }

    private static readonly TimeSpan Ttl = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongTtl = TimeSpan.FromHours(1);

    [Theory, AmqpItem("A4.1")]
    [InlineData("abc", "no_integer")]
    [InlineData("", "no_integer")]
    [InlineData(" 1", "no_integer")]
    [InlineData("-1", "{value_negative,-1}")]
    [InlineData("1.5", "{leftover_string,\".5\"}")]
    [InlineData("10ms", "{leftover_string,\"ms\"}")]
    [InlineData("315360000001", "{value_too_large,315360000001}")]
    public async Task Expiration_NotAWholeNumber_Is406(string expiration, string reason)
    {
        string queue = await DeclareQueueAsync();
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            $"invalid expiration '{expiration}': {reason}",
            c => c.PublishAsync("", queue, Message.Text("no", new MessageProperties { Expiration = expiration })));
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A4.2")]
    public async Task QueueTtl_Elapses_MessageExpires()
    {
        string queue = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl));
        long sent = Engine.Clock.GetTimestamp();
        await SendAsync(queue, "first");
        await InTimeAsync(Ttl, sent, () => ExpectReadyAsync(queue, 1));
        await Engine.AdvanceAsync(Ttl);
        await ExpectReadyAsync(queue, 0);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A4.2")]
    public async Task Expiration_Elapses_MessageExpires()
    {
        string queue = await DeclareQueueAsync();
        await PublishAsync("", queue, "short", MessageProperties.Empty.WithTimeToLive(Ttl));
        await SendAsync(queue, "for ever");
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(queue, "for ever");
    }

    [Fact, AmqpItem("A4.2")]
    public async Task QueueTtlAndExpiration_Both_TheSmallerCounts()
    {
        string shortQueue = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl));
        string longQueue = await DeclareQueueAsync(q => q.WithMessageTtl(LongTtl));
        await PublishAsync("", shortQueue, "long message", MessageProperties.Empty.WithTimeToLive(LongTtl));
        await PublishAsync("", longQueue, "short message", MessageProperties.Empty.WithTimeToLive(Ttl));
        await PublishAsync("", longQueue, "long message", MessageProperties.Empty.WithTimeToLive(LongTtl));
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(shortQueue);
        await ExpectMessagesAsync(longQueue, "long message");
    }

    [Fact, AmqpItem("A4.3"), OftenGotWrong("TTL at the head only")]
    public async Task ExpiredMessage_BehindALiveOne_CountsUntilItReachesTheHead()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendAsync(queue, "live");
        await PublishAsync("", queue, "expires", MessageProperties.Empty.WithTimeToLive(Ttl));
        await Engine.AdvanceAsync(Ttl * 2);
        await Engine.SettleAsync();
        await ExpectReadyAsync(queue, 2);
        await ExpectMessagesAsync(dead);

        Assert.Equal("live", await GetTextAsync(queue));
        await ExpectMessagesAsync(dead, "expires");
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A4.3"), AmqpItem("A7.14")]
    public async Task ExpiredMessage_BehindTheOneThatIsGot_IsNotCountedAsRemaining()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "live");
        await PublishAsync("", queue, "expired", MessageProperties.Empty.WithTimeToLive(TimeSpan.Zero));
        await SendAsync(queue, "live too");
        GetResult got = (await Channel.GetAsync(queue, autoAck: true))!;
        Assert.Equal(("live", 1u), (got.Delivery.Message.GetText(), got.RemainingCount));
    }

    [Fact, AmqpItem("A4.3")]
    public async Task ExpiredMessages_BehindALiveOne_AreNeverDelivered()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "live");
        await PublishAsync("", queue, "expired", MessageProperties.Empty.WithTimeToLive(Ttl));
        await SendAsync(queue, "live too");
        await Engine.AdvanceAsync(Ttl * 2);
        TestConsumer consumer = await ConsumeAsync(queue);
        await consumer.ExpectAllAsync("live", "live too");
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A4.4")]
    public async Task UnackedMessage_TtlElapses_StaysWithItsConsumer()
    {
        string queue = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl));
        Delivery delivery = default;
        long sent = Engine.Clock.GetTimestamp();
        await SendAsync(queue, "taken");
        await InTimeAsync(Ttl, sent, async () => delivery = await GetUnsettledAsync(Channel, queue));
        await Engine.AdvanceAsync(Ttl * 2);
        await Channel.AckAsync(delivery.DeliveryTag);
        Assert.True(Channel.IsOpen);
    }

    [Fact, AmqpItem("A4.4")]
    public async Task ExpiredMessage_Requeued_Expires()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo(dead));
        Delivery delivery = default;
        long sent = Engine.Clock.GetTimestamp();
        await SendAsync(queue, "taken");
        await InTimeAsync(Ttl, sent, async () => delivery = await GetUnsettledAsync(Channel, queue));
        await Engine.AdvanceAsync(Ttl * 2);
        await Channel.NackAsync(delivery.DeliveryTag);
        await ExpectMessagesAsync(queue);
        Delivery expired = await GetAsync(dead);
        Assert.Equal((DeathReason.Expired, queue), (expired.Deaths[0].Reason, expired.Deaths[0].Queue));
    }

    [Theory, AmqpItem("A4.5"), OftenGotWrong("TTL 0")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TtlZero_NoConsumerReady_Expires(bool byQueue)
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => byQueue ? q.WithMessageTtl(TimeSpan.Zero).DeadLetterTo(dead) : q.DeadLetterTo(dead));
        await PublishAsync("", queue, "late", byQueue ? null : new MessageProperties { Expiration = "0" });
        await ExpectMessagesAsync(queue);
        Delivery expired = await GetAsync(dead);
        Assert.Equal(("late", DeathReason.Expired), (expired.Message.GetText(), expired.Deaths[0].Reason));
    }

    [Theory, AmqpItem("A4.5"), OftenGotWrong("TTL 0")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TtlZero_ConsumerReady_IsDelivered(bool byQueue)
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => byQueue ? q.WithMessageTtl(TimeSpan.Zero).DeadLetterTo(dead) : q.DeadLetterTo(dead));
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        MessageProperties? properties = byQueue ? null : new MessageProperties { Expiration = "0" };
        await PublishAsync("", queue, "in time", properties);
        await PublishAsync("", queue, "no credit left", properties);
        Delivery delivery = await consumer.ExpectNextAsync("in time");
        Assert.Equal(byQueue ? null : "0", delivery.Properties.Expiration);
        await ExpectMessagesAsync(dead, "no credit left");
    }

    [Fact, AmqpItem("A4.4"), AmqpItem("A5.3")]
    public async Task ExpiredMessage_DeadLettered_StartsAnewWithoutTtl()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await PublishAsync("", queue, "m", MessageProperties.Empty.WithTimeToLive(Ttl));
        await Engine.AdvanceAsync(Ttl);
        await ExpectReadyAsync(dead, 1);
        await Engine.AdvanceAsync(Ttl * 2);
        Delivery delivery = await GetAsync(dead);
        Assert.Null(delivery.Properties.Expiration);
    }

    [Fact, AmqpItem("A4.2")]
    public async Task Messages_ExpireTogether_AreDeadLetteredInOrder()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.WithMessageTtl(Ttl).DeadLetterTo(dead));
        await SendNumbersAsync(queue, 20);
        await Engine.AdvanceAsync(Ttl);
        await ExpectMessagesAsync(dead, Numbers(1, 20));
    }
}
