namespace EmbeddedMq.Compliance;

/// <summary>Bounds of queues in messages and bytes, and what happens beyond them.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class LengthLimitCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A4.8")]
    public async Task DropHead_QueueFull_DropsTheOldestAndConfirms()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(2));
        await SendNumbersAsync(queue, 5);
        await ExpectMessagesAsync(queue, "4", "5");
    }

    [Fact, AmqpItem("A4.8"), AmqpItem("A5.1")]
    public async Task DropHead_QueueFull_DeadLettersTheOldestAsMaxLength()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.MaxLength(1).DeadLetterTo(dead));
        await SendNumbersAsync(queue, 2);
        Delivery delivery = await GetAsync(dead);
        Assert.Equal(("1", DeathReason.MaxLength), (delivery.Message.GetText(), delivery.Deaths[0].Reason));
        await ExpectMessagesAsync(queue, "2");
    }

    [Fact, AmqpItem("A4.7")]
    public async Task MaxLengthBytes_BodiesExceedIt_DropsUntilTheyFit()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLengthBytes(10));
        await SendAsync(queue, "1111", "2222", "3333", "44444444");
        await ExpectMessagesAsync(queue, "44444444");
        await SendAsync(queue, "1111", "2222", "33");
        await ExpectMessagesAsync(queue, "1111", "2222", "33");
    }

    [Fact, AmqpItem("A4.7")]
    public async Task MaxLengthBytes_LargePropertiesAndEmptyBodies_CountBodiesOnly()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLengthBytes(4));
        MessageProperties large = MessageProperties.Empty.WithHeader("large", new string('x', 1000));
        await PublishAsync("", queue, "ab", large);
        await PublishAsync("", queue, "", large);
        await PublishAsync("", queue, "cd", large);
        await ExpectMessagesAsync(queue, "ab", "", "cd");
    }

    [Fact, AmqpItem("A4.8")]
    public async Task MaxLengthBytes_OneMessageIsLarger_IsDroppedAtOnce()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.MaxLengthBytes(4).DeadLetterTo(dead));
        await SendAsync(queue, "too large");
        await ExpectMessagesAsync(queue);
        await ExpectMessagesAsync(dead, "too large");
    }

    [Fact, AmqpItem("A4.7")]
    public async Task BothLimits_EitherExceeded_Drops()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(2).MaxLengthBytes(10));
        await SendAsync(queue, "1", "2", "3");
        await ExpectMessagesAsync(queue, "2", "3");
        await SendAsync(queue, "123456", "7890ab");
        await ExpectMessagesAsync(queue, "7890ab");
    }

    [Fact, AmqpItem("A4.7"), OftenGotWrong("max-length counts ready, drops the highest priority first")]
    public async Task MaxLength_UnackedMessages_AreNotCounted()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(2));
        await SendNumbersAsync(queue, 2);
        await GetUnsettledAsync(Channel, queue);
        await SendAsync(queue, "3");
        await ExpectReadyAsync(queue, 2);
        await SendAsync(queue, "4");
        await ExpectMessagesAsync(queue, "3", "4");
    }

    [Fact, AmqpItem("A4.7")]
    public async Task MaxLength_RequeueExceedsIt_DropsFromTheHead()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(2));
        await SendNumbersAsync(queue, 2);
        Delivery first = await GetUnsettledAsync(Channel, queue);
        await SendAsync(queue, "3");
        await Channel.NackAsync(first.DeliveryTag);
        await ExpectMessagesAsync(queue, "2", "3");
    }

    [Theory, AmqpItem("A4.8")]
    [InlineData(Overflow.DropHead)]
    [InlineData(Overflow.RejectPublish)]
    public async Task MaxLength_RoomMadeByConsuming_TakesMessagesAgain(Overflow overflow)
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(2, overflow));
        await SendNumbersAsync(queue, 2);
        Assert.Equal("1", await GetTextAsync(queue));
        await SendAsync(queue, "3");
        await ExpectMessagesAsync(queue, "2", "3");
    }

    [Fact, AmqpItem("A3.21")]
    public async Task MaxLengthZero_ConsumerReadyOrNot_DeliversOrDrops()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(0));
        await SendAsync(queue, "nobody there");
        await ExpectMessagesAsync(queue);
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        await SendAsync(queue, "taken", "no credit left");
        Delivery delivery = await consumer.ExpectNextAsync("taken");
        await Channel.AckAsync(delivery.DeliveryTag);
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A4.9"), AmqpItem("A6.4")]
    public async Task RejectPublish_QueueFull_RejectsTheNewest()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(1, Overflow.RejectPublish));
        await SendAsync(queue, "first");
        PublishResult result = await Channel.TryPublishAsync("", queue, Message.Text("second"));
        Assert.Equal(PublishOutcome.Rejected, result.Outcome);
        PublishException error = await Assert.ThrowsAsync<PublishException>(async () => await Channel.PublishAsync("", queue, Message.Text("third")));
        Assert.Equal((PublishOutcome.Rejected, queue), (error.Result.Outcome, error.RoutingKey));
        Assert.True(Channel.IsOpen);
        await ExpectMessagesAsync(queue, "first");
    }

    [Fact, AmqpItem("A4.9"), OftenGotWrong("reject-publish does not dead-letter")]
    public async Task RejectPublish_QueueFull_DoesNotDeadLetter()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.MaxLength(1, Overflow.RejectPublish).DeadLetterTo(dead));
        await SendAsync(queue, "first");
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("second"))).Outcome);
        await Engine.SettleAsync();
        await ExpectMessagesAsync(dead);
    }

    [Fact, AmqpItem("A4.9")]
    public async Task RejectPublish_WithoutConfirms_DropsSilently()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(1, Overflow.RejectPublish));
        IChannel plain = await OpenChannelAsync(ChannelMode.Plain);
        await plain.PublishAsync("", queue, Message.Text("first"));
        await plain.PublishAsync("", queue, Message.Text("second"));
        await Engine.SettleAsync();
        Assert.True(plain.IsOpen);
        await ExpectMessagesAsync(queue, "first");
    }

    [Fact, AmqpItem("A4.9")]
    public async Task RejectPublish_OneOfSeveralQueuesFull_RejectsAndOthersKeepTheirCopy()
    {
        string full = await DeclareQueueAsync(q => q.MaxLength(0, Overflow.RejectPublish));
        string exchange = await DeclareExchangeAsync(ExchangeType.Fanout);
        string open = await DeclareBoundQueueAsync(exchange);
        await Channel.BindQueueAsync(full, exchange, "");
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync(exchange, "", Message.Text("m"))).Outcome);
        await ExpectMessagesAsync(open, "m");
        await ExpectMessagesAsync(full);
    }

    [Fact, AmqpItem("A4.9"), AmqpItem("A6.2")]
    public async Task RejectPublish_MandatoryAndFull_IsRejectedNotReturned()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(0, Overflow.RejectPublish));
        bool returned = false;
        Channel.MessageReturned += (_, _) => returned = true;
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("m"), PublishFlags.Mandatory)).Outcome);
        Assert.False(returned);
    }

    [Fact, AmqpItem("A4.9")]
    public async Task RejectPublishDeadLetter_OnAQuorumQueue_DropsTheOldest()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.Durable()
            .WithArgument(QueueArgument.QueueType, "quorum").MaxLength(1, Overflow.RejectPublishDeadLetter).DeadLetterTo(dead));
        await SendAsync(queue, "1", "2", "3");
        await ExpectMessagesAsync(dead, "1", "2");
        await ExpectMessagesAsync(queue, "3");
    }

    [Fact, AmqpItem("A4.9")]
    public async Task RejectPublishDeadLetter_QueueFull_RejectsAndDeadLettersTheNewest()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.MaxLength(1, Overflow.RejectPublishDeadLetter).DeadLetterTo(dead));
        await SendAsync(queue, "first");
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("second"))).Outcome);
        Delivery delivery = await GetAsync(dead);
        Assert.Equal(("second", DeathReason.MaxLength, queue), (delivery.Message.GetText(), delivery.Deaths[0].Reason, delivery.Deaths[0].Queue));
        await ExpectMessagesAsync(queue, "first");
    }

    [Fact, AmqpItem("A4.7"), AmqpItem("A3.21")]
    public async Task MaxLengthZero_ConsumerRequeues_DropsItBeforeItIsDeliveredAgain()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQueueAsync(q => q.MaxLength(0).DeadLetterTo(dead));
        TestConsumer consumer = await ConsumeAsync(queue);
        await SendAsync(queue, "m");
        await Channel.NackAsync((await consumer.ExpectNextAsync("m")).DeliveryTag);
        await ExpectMessagesAsync(dead, "m");
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A4.8")]
    public async Task MaxLengthBytes_LargerMessageAndAReadyConsumer_IsDelivered()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLengthBytes(4));
        TestConsumer consumer = await ConsumeAsync(queue);
        await SendAsync(queue, "too large");
        await consumer.ExpectNextAsync("too large");
    }

    [Fact, AmqpItem("A4.9"), AmqpItem("A3.21")]
    public async Task RejectPublish_MaxLengthZeroAndAReadyConsumer_RejectsAllTheSame()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLength(0, Overflow.RejectPublish));
        TestConsumer consumer = await ConsumeAsync(queue);
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("m"))).Outcome);
        await consumer.ExpectNoneAsync();
    }

    [Fact, AmqpItem("A4.9"), AmqpItem("A4.7")]
    public async Task RejectPublish_BytesExceeded_RejectsWhatDoesNotFitAndTakesWhatDoes()
    {
        string queue = await DeclareQueueAsync(q => q.MaxLengthBytes(10, Overflow.RejectPublish));
        await SendAsync(queue, "123456");
        Assert.Equal(PublishOutcome.Rejected, (await Channel.TryPublishAsync("", queue, Message.Text("12345"))).Outcome);
        await SendAsync(queue, "1234");
        await ExpectMessagesAsync(queue, "123456", "1234");
    }
}
