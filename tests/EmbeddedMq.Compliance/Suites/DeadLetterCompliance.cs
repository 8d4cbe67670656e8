namespace EmbeddedMq.Compliance;

/// <summary>Dead-lettering: when, where to, and what becomes of keys and properties.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class DeadLetterCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private static readonly TimeSpan Ttl = TimeSpan.FromMilliseconds(500);

    [Theory, AmqpItem("A5.1")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Message_RejectedWithoutRequeue_IsDeadLetteredAsRejected(bool byReject)
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendAsync(queue, "m");
        Delivery delivery = await GetUnsettledAsync(Channel, queue);
        await (byReject ? Channel.RejectAsync(delivery.DeliveryTag) : Channel.NackAsync(delivery.DeliveryTag, requeue: false));
        Delivery last = await GetAsync(dead);
        Assert.Equal(("m", DeathReason.Rejected, queue), (last.Message.GetText(), last.Deaths[0].Reason, last.Deaths[0].Queue));
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A5.1")]
    public async Task Messages_NackedMultiple_AreDeadLetteredInOrder()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendNumbersAsync(queue, 10);
        TestConsumer consumer = await ConsumeAsync(queue);
        IReadOnlyList<Delivery> deliveries = await consumer.ExpectAllAsync(Numbers(1, 10));
        await Channel.NackAsync(deliveries[7].DeliveryTag, multiple: true, requeue: false);
        await ExpectMessagesAsync(dead, Numbers(1, 8));
    }

    [Fact, AmqpItem("A5.1")]
    public async Task Messages_PurgedOrDeletedWithTheirQueue_AreNotDeadLettered()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendAsync(queue, "purged");
        await Channel.PurgeQueueAsync(queue);
        await SendAsync(queue, "deleted");
        await Channel.DeleteQueueAsync(queue);
        await Engine.SettleAsync();
        await ExpectMessagesAsync(dead);
    }

    [Fact, AmqpItem("A5.1")]
    public async Task Message_AckedOrRequeued_IsNotDeadLettered()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendAsync(queue, "m");
        await Channel.NackAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
        await Channel.AckAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
        await Engine.SettleAsync();
        await ExpectMessagesAsync(dead);
    }

    [Fact, AmqpItem("A5.2")]
    public async Task DeadLetter_NoRoutingKeySet_KeepsItsKeyUnderTheNewExchange()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Topic);
        string dead = await DeclareBoundQueueAsync(exchange, "order.*");
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(exchange, null));
        await Channel.BindQueueAsync(queue, "amq.topic", "order.paid");
        await PublishAsync("amq.topic", "order.paid", "m");
        await DieAsync(queue);
        Delivery delivery = await GetAsync(dead);
        Assert.Equal((exchange, "order.paid"), (delivery.Exchange, delivery.RoutingKey));
    }

    [Fact, AmqpItem("A5.2")]
    public async Task DeadLetter_RoutingKeySet_GoesByThatKeyOnly()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string byNewKey = await DeclareBoundQueueAsync(exchange, "dead");
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(exchange, "dead"));
        string byOldKey = await DeclareBoundQueueAsync(exchange, queue);
        await SendAsync(queue, "m");
        await DieAsync(queue);
        Delivery delivery = await GetAsync(byNewKey);
        Assert.Equal((exchange, "dead"), (delivery.Exchange, delivery.RoutingKey));
        await ExpectMessagesAsync(byOldKey);
    }

    [Fact, AmqpItem("A5.2"), OftenGotWrong("CC after dead-letter routing key")]
    public async Task DeadLetter_RoutingKeySet_RemovesTheCopyKeys()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string byNewKey = await DeclareBoundQueueAsync(exchange, "dead");
        string byCopyKey = await DeclareBoundQueueAsync(exchange, "copy");
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(exchange, "dead"));
        await PublishAsync("", queue, "m", MessageProperties.Empty.WithHeader("CC", new object[] { "copy" }).WithHeader("other", 1));
        await DieAsync(queue);
        Delivery delivery = await GetAsync(byNewKey);
        Assert.False(delivery.Message.Headers.ContainsKey("CC"));
        Assert.Equal(1, delivery.Message.Headers["other"]);
        Assert.Equal([queue, "copy"], delivery.Deaths[0].RoutingKeys);
        await ExpectMessagesAsync(byCopyKey);
    }

    [Fact, AmqpItem("A5.2"), OftenGotWrong("CC after dead-letter routing key")]
    public async Task DeadLetter_NoRoutingKeySet_GoesByCopyKeysToo()
    {
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct);
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(exchange, null));
        string byKey = await DeclareBoundQueueAsync(exchange, queue);
        string byCopyKey = await DeclareBoundQueueAsync(exchange, "copy");
        string byBlindCopyKey = await DeclareBoundQueueAsync(exchange, "blind");
        MessageProperties copies = MessageProperties.Empty.WithHeader("CC", new object[] { "copy" }).WithHeader("BCC", new object[] { "blind" });
        await PublishAsync("", queue, "m", copies);
        await DieAsync(queue);
        foreach (string dead in (string[])[byKey, byCopyKey, byBlindCopyKey])
        {
            Delivery delivery = await GetAsync(dead);
            Assert.Equal(queue, delivery.RoutingKey);
            Assert.True(delivery.Message.Headers.ContainsKey("CC"));
            Assert.False(delivery.Message.Headers.ContainsKey("BCC"));
            Assert.Equal([queue, "copy"], delivery.Deaths[0].RoutingKeys);
        }
    }

    [Fact, AmqpItem("A5.3")]
    public async Task DeadLetter_MessageWithExpiration_LosesItButRemembersIt()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await PublishAsync("", queue, "m", new MessageProperties { Expiration = "500" });
        await Engine.AdvanceAsync(Ttl);
        Delivery delivery = await GetAsync(dead);
        Assert.Null(delivery.Properties.Expiration);
        Assert.Equal("500", delivery.Deaths[0].OriginalExpiration);
    }

    [Fact, AmqpItem("A5.3")]
    public async Task DeadLetter_RejectedWithExpiration_LosesItToo()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await PublishAsync("", queue, "m", new MessageProperties { Expiration = "3600000" });
        await DieAsync(queue);
        Delivery delivery = await GetAsync(dead);
        Assert.Null(delivery.Properties.Expiration);
        Assert.Equal(("3600000", DeathReason.Rejected), (delivery.Deaths[0].OriginalExpiration, delivery.Deaths[0].Reason));
    }

    [Fact, AmqpItem("A5.3")]
    public async Task DeadLetter_OtherProperties_Stay()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        MessageProperties sent = new()
        {
            ContentType = "application/json",
            ContentEncoding = "utf-8",
            DeliveryMode = DeliveryMode.Persistent,
            Priority = 7,
            CorrelationId = "c",
            ReplyTo = "r",
            MessageId = "m",
            Timestamp = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000),
            Type = "t",
            UserId = Connection.UserName,
            AppId = "a",
            Headers = HeaderTable.Of("h", "v"),
        };
        await PublishAsync("", queue, "m", sent);
        await DieAsync(queue);
        MessageProperties received = (await GetAsync(dead)).Properties;
        Assert.Equal(sent with { Headers = null }, received with { Headers = null });
        Assert.Equal("v", received.Headers?["h"]);
    }

    [Fact, AmqpItem("A5.9")]
    public async Task DeadLetter_ExchangeOrRouteMissing_IsDropped()
    {
        string withoutExchange = await DeclareQueueAsync(q => q.DeadLetterTo(Name("missing"), "k"));
        string withoutRoute = await DeclareQueueAsync(q => q.DeadLetterTo("amq.direct", Name("no-binding")));
        string withoutAny = await DeclareQueueAsync();
        foreach (string queue in (string[])[withoutExchange, withoutRoute, withoutAny])
        {
            await SendAsync(queue, "lost");
            await DieAsync(queue);
            await ExpectMessagesAsync(queue);
        }

        Assert.True(Channel.IsOpen);
    }

    [Fact, AmqpItem("A5.9")]
    public async Task DeadLetter_ExchangeDeclaredLater_IsUsedThen()
    {
        string exchange = Name("x");
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(exchange, null));
        await SendAsync(queue, "before", "after");
        await DieAsync(queue);
        await Channel.DeclareExchangeAsync(exchange, ExchangeType.Fanout);
        string dead = await DeclareBoundQueueAsync(exchange);
        await DieAsync(queue);
        await ExpectMessagesAsync(dead, "after");
    }

    [Fact, AmqpItem("A5.9")]
    public async Task DeadLetter_NotRoutedByItsExchange_GoesToThatExchangesAlternate()
    {
        string alternate = await DeclareExchangeAsync(ExchangeType.Fanout);
        string unrouted = await DeclareBoundQueueAsync(alternate);
        string exchange = await DeclareExchangeAsync(ExchangeType.Direct, e => e.AlternateExchange(alternate));
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(exchange, "nobody"));
        await SendAsync(queue, "m");
        await DieAsync(queue);
        Delivery delivery = await GetAsync(unrouted);
        Assert.Equal((exchange, "nobody"), (delivery.Exchange, delivery.RoutingKey));
    }

    [Fact, AmqpItem("A5.11")]
    public async Task DeadLetter_OfARedeliveredMessage_IsNotFlaggedRedelivered()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendAsync(queue, "m");
        await Channel.NackAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
        Delivery again = await GetUnsettledAsync(Channel, queue);
        Assert.True(again.Redelivered);
        await Channel.RejectAsync(again.DeliveryTag);
        Assert.False((await GetAsync(dead)).Redelivered);
    }

    [Fact, AmqpItem("A5.1"), AmqpItem("A4.8")]
    public async Task DeadLetterQueue_ItselfFull_DropsByItsOwnRule()
    {
        string dead = await DeclareQueueAsync(q => q.MaxLength(1));
        string queue = await DeclareQueueAsync(q => q.DeadLetterTo(dead));
        await SendAsync(queue, "1", "2");
        await DieAsync(queue);
        await DieAsync(queue);
        await ExpectMessagesAsync(dead, "2");
    }

    private async Task DieAsync(string queue) => await Channel.RejectAsync((await GetUnsettledAsync(Channel, queue)).DeliveryTag);
}
