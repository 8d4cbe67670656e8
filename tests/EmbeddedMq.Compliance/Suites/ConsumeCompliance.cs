namespace EmbeddedMq.Compliance;

/// <summary>Consumers and get: tags, order, exclusivity, the ends of a consumer.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class ConsumeCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    private static readonly ConsumerOptions AutoAck = new() { AutoAck = true };

    [Fact, AmqpItem("A7.1")]
    public async Task Tag_NotGiven_IsMadeByTheBroker()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer first = await ConsumeAsync(queue);
        TestConsumer second = await ConsumeAsync(queue);
        Assert.StartsWith("amq.ctag-", first.Consumer.ConsumerTag, StringComparison.Ordinal);
        Assert.NotEqual(first.Consumer.ConsumerTag, second.Consumer.ConsumerTag);
        Assert.Equal(queue, first.Consumer.Queue);
        await SendAsync(queue, "m");
        Assert.Equal(first.Consumer.ConsumerTag, (await first.ExpectNextAsync("m")).ConsumerTag);
    }

    [Fact, AmqpItem("A7.1"), OftenGotWrong("which errors close the connection and which the channel")]
    public async Task Tag_InUseOnTheChannel_ClosesTheConnection()
    {
        string queue = await DeclareQueueAsync();
        await ExpectConnectionErrorAsync(ReplyCode.NotAllowed, "attempt to reuse consumer tag 't'", async channel =>
        {
            await channel.StartConsumerAsync(queue, new ConsumerOptions { ConsumerTag = "t" });
            await channel.StartConsumerAsync(queue, new ConsumerOptions { ConsumerTag = "t" });
        });
    }

    [Theory, AmqpItem("A7.1")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tag_InUseAndTheQueueOrAnArgumentWrong_IsTheError(bool exists)
    {
        string queue = await DeclareQueueAsync();
        await ExpectConnectionErrorAsync(ReplyCode.NotAllowed, "attempt to reuse consumer tag 't'", async channel =>
        {
            ConsumerOptions options = new() { ConsumerTag = "t" };
            await channel.StartConsumerAsync(queue, options);
            await channel.StartConsumerAsync(exists ? queue : Name("missing"), options with { Arguments = HeaderTable.Of("x-priority", "high") });
        });
    }

    [Fact, AmqpItem("A7.1")]
    public async Task Tag_OnOtherChannelOrAfterCancel_IsFree()
    {
        string queue = await DeclareQueueAsync();
        ConsumerOptions options = new() { ConsumerTag = "t" };
        TestConsumer first = await ConsumeAsync(queue, options);
        await ConsumeAsync(queue, options, await OpenChannelAsync());
        await first.Consumer.CancelAsync();
        await first.Consumer.CancelAsync();
        TestConsumer again = await ConsumeAsync(queue, options);
        Assert.Equal("t", again.Consumer.ConsumerTag);
    }

    [Fact, AmqpItem("A7.2")]
    public async Task Consume_NoSuchQueue_Is404()
    {
        string queue = Name("missing");
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(queue)}", c => c.StartConsumerAsync(queue));
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(queue)}", c => c.GetAsync(queue));
    }

    [Fact, AmqpItem("A7.2")]
    public async Task Consumer_BacklogAndLaterMessages_AreDeliveredInOrder()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, Numbers(1, 50));
        TestConsumer consumer = await ConsumeAsync(queue);
        await SendAsync(queue, Numbers(51, 100));
        IReadOnlyList<Delivery> deliveries = await consumer.ExpectAllAsync(Numbers(1, 100));
        Assert.Equal(Enumerable.Range(1, 100).Select(tag => (ulong)tag), deliveries.Select(delivery => delivery.DeliveryTag));
        Assert.All(deliveries, delivery => Assert.False(delivery.Redelivered));
        await Channel.AckAsync(100, multiple: true);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A7.3")]
    public async Task DeliveryTags_OverConsumersGetsAndAutoAck_CountPerChannel()
    {
        string queue = await DeclareQueueAsync();
        string other = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        TestConsumer automatic = await ConsumeAsync(queue, AutoAck, channel);
        TestConsumer manual = await ConsumeAsync(other, channel: channel);
        List<ulong> tags = [];
        await SendAsync(queue, "a");
        tags.Add((await automatic.ExpectNextAsync("a")).DeliveryTag);
        await SendAsync(other, "b");
        tags.Add((await manual.ExpectNextAsync("b")).DeliveryTag);
        string third = await DeclareQueueAsync();
        await SendAsync(third, "c", "d");
        tags.Add((await channel.GetAsync(third, autoAck: true))!.Delivery.DeliveryTag);
        tags.Add((await channel.GetAsync(third))!.Delivery.DeliveryTag);
        Assert.Equal([1ul, 2, 3, 4], tags);
    }

    [Fact, AmqpItem("A7.2"), OftenGotWrong("cancel keeps unacked")]
    public async Task Cancel_WithUnackedDeliveries_KeepsThemAndDeliversNoMore()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "1", "2");
        TestConsumer consumer = await ConsumeAsync(queue);
        Delivery first = await consumer.ExpectNextAsync("1");
        Delivery second = await consumer.ExpectNextAsync("2");
        await consumer.Consumer.CancelAsync();
        await SendAsync(queue, "3");
        await consumer.ExpectEndAsync(ConsumerEnd.Cancelled);
        await ExpectReadyAsync(queue, 1);

        await Channel.AckAsync(first.DeliveryTag);
        await Channel.NackAsync(second.DeliveryTag);
        await ExpectMessagesAsync(queue, "2", "3");
    }

    [Fact, AmqpItem("A7.1")]
    public async Task Cancel_OfOneThatHasEnded_Succeeds()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue);
        await consumer.Consumer.CancelAsync();
        await consumer.Consumer.CancelAsync();
        TestConsumer orphan = await ConsumeAsync(queue);
        await Channel.DeleteQueueAsync(queue);
        await orphan.ExpectEndAsync(ConsumerEnd.QueueGone);
        await orphan.Consumer.CancelAsync();
        Assert.True(Channel.IsOpen);
    }

    [Fact, AmqpItem("A7.9")]
    public async Task ExclusiveConsume_AnotherConsumerExists_Is403()
    {
        string queue = await DeclareQueueAsync();
        await ConsumeAsync(queue);
        await ExpectChannelErrorAsync(
            ReplyCode.AccessRefused, $"{QueueIn(queue)} in exclusive use", c => c.StartConsumerAsync(queue, new ConsumerOptions { Exclusive = true }));
    }

    [Fact, AmqpItem("A7.9")]
    public async Task Consume_AnExclusiveConsumerExists_Is403UntilItGoes()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer exclusive = await ConsumeAsync(queue, new ConsumerOptions { Exclusive = true });
        foreach (bool alsoExclusive in (bool[])[false, true])
        {
            await ExpectChannelErrorAsync(
                ReplyCode.AccessRefused, $"{QueueIn(queue)} in exclusive use", c => c.StartConsumerAsync(queue, new ConsumerOptions { Exclusive = alsoExclusive }));
        }

        await exclusive.Consumer.CancelAsync();
        TestConsumer next = await ConsumeAsync(queue);
        await SendAsync(queue, "m");
        await next.AckNextAsync("m");
    }

    [Fact, AmqpItem("A7.14")]
    public async Task Get_EmptyQueue_IsNull() => Assert.Null(await Channel.GetAsync(await DeclareQueueAsync()));

    [Fact, AmqpItem("A7.14")]
    public async Task Get_FromABacklog_CountsTheReadyBehindIt()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        GetResult? first = await Channel.GetAsync(queue);
        GetResult? second = await Channel.GetAsync(queue, autoAck: true);
        Assert.Equal(("1", 2u, ("2", 1u)), (first?.Delivery.Message.GetText(), first?.RemainingCount, (second?.Delivery.Message.GetText(), second?.RemainingCount)));
        Assert.Null(first?.Delivery.ConsumerTag);
    }

    [Fact, AmqpItem("A7.14")]
    public async Task Get_WithAutoAck_LeavesNothingToSettle()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        GetResult? result = await Channel.GetAsync(queue, autoAck: true);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, $"unknown delivery tag {result!.Delivery.DeliveryTag}", c => c.AckAsync(result.Delivery.DeliveryTag), Channel);
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A7.13")]
    public async Task Consumer_ItsQueueIsDeleted_EndsWithoutErrorAndMayBeReplaced()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { ConsumerTag = "t" });
        await Channel.DeleteQueueAsync(queue);
        await consumer.ExpectEndAsync(ConsumerEnd.QueueGone);
        await Channel.DeclareQueueAsync(queue);
        TestConsumer next = await ConsumeAsync(queue, new ConsumerOptions { ConsumerTag = "t" });
        await SendAsync(queue, "m");
        await next.AckNextAsync("m");
    }

    [Fact, AmqpItem("A7.13")]
    public async Task Consumer_ItsQueueGoesWithAnotherConnection_Ends()
    {
        IConnection owner = await ConnectAsync();
        string queue = Name("q");
        IChannel channel = await OpenChannelAsync(connection: owner);
        await channel.DeclareQueueAsync(queue, q => q.AutoDelete());
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await Channel.DeleteQueueAsync(queue);
        await consumer.ExpectEndAsync(ConsumerEnd.QueueGone);
        Assert.True(channel.IsOpen);
    }

    [Fact, AmqpItem("A7.11")]
    public async Task Consumer_ItsChannelCloses_EndsAndWhatItHadReturnsInOrder()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 5);
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await consumer.ExpectAllAsync("1", "2");
        await channel.CloseAsync();
        Assert.Equal(ConsumerEnd.ChannelClosed, await SoonAsync(consumer.Consumer.Ended));
        await ExpectMessagesAsync(queue, Numbers(1, 5));
    }

    [Fact, AmqpItem("A0.4"), AmqpItem("A7.11")]
    public async Task Consumer_ItsChannelFails_ThrowsTheReasonAndItsMessagesReturn()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "1");
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await consumer.ExpectNextAsync("1");
        string missing = Name("missing");
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(missing)}", c => c.GetAsync(missing), channel);
        Assert.Equal(ReplyCode.NotFound, (await consumer.ExpectFailureAsync<ChannelException>()).ReplyCode);
        Delivery returned = await GetAsync(queue);
        Assert.True(returned.Redelivered);
    }

    [Fact]
    [DeliberateDifference("With auto-ack a delivery is settled when the reader takes it; RabbitMQ settles when it sends. What was not read is never lost.")]
    public async Task AutoAck_ConsumerDisposedWithUnreadDeliveries_PutsThemBack()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        TestConsumer consumer = await ConsumeAsync(queue, AutoAck);
        await consumer.ExpectNextAsync("1");
        await consumer.DisposeAsync();
        await ExpectMessagesAsync(queue, "2", "3");
    }

    [Fact, AmqpItem("A7.2")]
    public async Task AutoAck_DeliveriesTaken_AreSettled()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, AutoAck, channel);
        await consumer.ExpectAllAsync("1", "2", "3");
        await channel.CloseAsync();
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A7.2")]
    public async Task Dispose_ConsumerWithUnreadDeliveries_PutsThemBackAndKeepsTheUnacked()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        TestConsumer consumer = await ConsumeAsync(queue);
        Delivery first = await consumer.ExpectNextAsync("1");
        await consumer.DisposeAsync();
        await ExpectReadyAsync(queue, 2);
        await Channel.AckAsync(first.DeliveryTag);
        await ExpectMessagesAsync(queue, "2", "3");
    }
}
