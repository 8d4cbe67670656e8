namespace EmbeddedMq.Compliance;

/// <summary>Acknowledging, rejecting and recovering: tags, multiple, redelivery.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class AcknowledgeCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A7.4")]
    public async Task Ack_Multiple_SettlesAllUpToTheTag()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await DeliverAsync(channel, queue, 5);
        await channel.AckAsync(3, multiple: true);
        await channel.CloseAsync();
        await ExpectMessagesAsync(queue, "4", "5");
    }

    [Fact, AmqpItem("A7.4")]
    public async Task Ack_MultipleAfterSingles_SettlesTheRest()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await DeliverAsync(channel, queue, 5);
        await channel.AckAsync(4);
        await channel.AckAsync(2);
        await channel.AckAsync(3, multiple: true);
        await channel.CloseAsync();
        await ExpectMessagesAsync(queue, "5");
    }

    [Fact, AmqpItem("A7.4")]
    public async Task Ack_ZeroMultiple_SettlesAllAndNone()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await channel.AckAsync(0, multiple: true);
        await DeliverAsync(channel, queue, 3);
        await channel.AckAsync(0, multiple: true);
        await channel.AckAsync(0, multiple: true);
        await channel.NackAsync(0, multiple: true);
        await channel.CloseAsync();
        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A7.4")]
    public async Task Settle_UnknownSettledOrZeroTag_Is406()
    {
        string queue = await DeclareQueueAsync();
        (ulong Tag, Func<IChannel, ulong, ValueTask> Settle)[] cases =
        [
            (0, (c, tag) => c.AckAsync(tag)),
            (1, (c, tag) => c.AckAsync(tag)),
            (2, (c, tag) => c.NackAsync(tag)),
            (3, (c, tag) => c.RejectAsync(tag)),
            (4, (c, tag) => c.AckAsync(tag)),
            (ulong.MaxValue, (c, tag) => c.NackAsync(tag, multiple: true)),
        ];
        foreach ((ulong tag, Func<IChannel, ulong, ValueTask> settle) in cases)
        {
            await SendNumbersAsync(queue, 3);
            IChannel channel = await OpenChannelAsync();
            for (ulong i = 1; i <= 3; i++)
            {
                await channel.AckAsync((await GetUnsettledAsync(channel, queue)).DeliveryTag);
            }

            await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, $"unknown delivery tag {tag}", c => settle(c, tag), channel);
        }
    }

    [Theory, AmqpItem("A7.4"), OftenGotWrong("ack-multiple beyond the last tag acks nothing")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Settle_MultipleBeyondTheLastTag_SettlesNothing(bool ack)
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await DeliverAsync(channel, queue, 3);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed,
            "unknown delivery tag 4",
            c => ack ? c.AckAsync(4, multiple: true) : c.NackAsync(4, multiple: true, requeue: false),
            channel);
        await ExpectMessagesAsync(queue, "1", "2", "3");
    }

    [Fact, AmqpItem("A7.4")]
    public async Task Ack_MultipleUpToASettledTag_Is406()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await DeliverAsync(channel, queue, 3);
        await channel.AckAsync(3, multiple: true);
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "unknown delivery tag 3", c => c.AckAsync(3, multiple: true), channel);
    }

    [Fact]
    [DeliberateDifference("A wrong acknowledgement fails in the call that makes it; on the wire the error comes later and names no call.")]
    public async Task Ack_UnknownTag_ThrowsFromTheCall()
    {
        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await Channel.AckAsync(99));
        Assert.Equal(ReplyCode.PreconditionFailed, error.ReplyCode);
        Assert.False(Channel.IsOpen);
    }

    [Fact, AmqpItem("A7.4")]
    public async Task Ack_TagOfAnotherChannel_IsUnknown()
    {
        string queue = await DeclareQueueAsync();
        IChannel channel = await OpenChannelAsync();
        await DeliverAsync(channel, queue, 1);
        IChannel other = await OpenChannelAsync();
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "unknown delivery tag 1", c => c.AckAsync(1), other);
        await channel.AckAsync(1);
    }

    [Fact, AmqpItem("A7.11"), OftenGotWrong("requeue to the original position")]
    public async Task Requeue_OutOfOrder_ReturnsEachToItsPlace()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "0", "1", "2", "3", "4");
        List<Delivery> taken = [];
        for (int i = 0; i < 4; i++)
        {
            taken.Add(await GetUnsettledAsync(Channel, queue));
        }

        await Channel.NackAsync(taken[2].DeliveryTag);
        await Channel.NackAsync(taken[0].DeliveryTag);
        await ExpectMessagesAsync(queue, "0", "2", "4");
        await Channel.NackAsync(0, multiple: true);
        await SendAsync(queue, "5");
        await ExpectMessagesAsync(queue, "1", "3", "5");
    }

    [Theory, AmqpItem("A7.11")]
    [InlineData("nack")]
    [InlineData("reject")]
    [InlineData("channel")]
    [InlineData("connection")]
    [InlineData("recover")]
    public async Task Redelivered_AfterAnyReturn_IsSet(string way)
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "1", "2");
        IConnection connection = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: connection);
        Delivery taken = await GetUnsettledAsync(channel, queue);
        Assert.False(taken.Redelivered);
        await (way switch
        {
            "nack" => channel.NackAsync(taken.DeliveryTag),
            "reject" => channel.RejectAsync(taken.DeliveryTag, requeue: true),
            "channel" => channel.CloseAsync(),
            "connection" => connection.CloseAsync(),
            _ => channel.RecoverAsync(),
        });
        await ExpectReadyAsync(queue, 2);
        Delivery again = await GetAsync(queue);
        Assert.Equal(("1", true), (again.Message.GetText(), again.Redelivered));
        Delivery next = await GetAsync(queue);
        Assert.Equal(("2", false), (next.Message.GetText(), next.Redelivered));
    }

    [Fact, AmqpItem("A7.11")]
    public async Task Requeue_ToTheOnlyConsumer_IsDeliveredToItAgain()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue);
        await SendAsync(queue, "m");
        Delivery first = await consumer.ExpectNextAsync("m");
        await Channel.NackAsync(first.DeliveryTag);
        Delivery second = await consumer.ExpectNextAsync("m");
        Assert.Equal((2ul, true), (second.DeliveryTag, second.Redelivered));
    }

    [Fact, AmqpItem("A7.11")]
    public async Task ChannelClose_WithUnacked_ReturnsThemInOrderBeforeTheReady()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 6);
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 4 }, channel);
        IReadOnlyList<Delivery> taken = await consumer.ExpectAllAsync("1", "2", "3", "4");
        await channel.AckAsync(taken[1].DeliveryTag);
        await channel.CloseAsync();
        await ExpectMessagesAsync(queue, "1", "3", "4", "5", "6");
    }

    [Fact, AmqpItem("A7.15")]
    public async Task Recover_WithUnacked_RedeliversAllUnderNewTags()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue);
        await SendNumbersAsync(queue, 3);
        IReadOnlyList<Delivery> taken = await consumer.ExpectAllAsync("1", "2", "3");
        await Channel.AckAsync(taken[0].DeliveryTag);
        await Channel.RecoverAsync();
        IReadOnlyList<Delivery> again = await consumer.ExpectAllAsync("2", "3");
        Assert.Equal([4ul, 5], again.Select(delivery => delivery.DeliveryTag));
        Assert.All(again, delivery => Assert.True(delivery.Redelivered));
        await ExpectChannelErrorAsync(ReplyCode.PreconditionFailed, "unknown delivery tag 2", c => c.AckAsync(2), Channel);
    }

    [Fact, AmqpItem("A7.16")]
    [DeliberateDifference("A delivery may stay unsettled as long as it likes, unless BrokerLimits.AcknowledgementTimeout bounds it; RabbitMQ closes the channel after 30 minutes by default, from 4.3 on only for quorum queues.")]
    public async Task Delivery_UnsettledForHours_StaysOut()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "m");
        TestConsumer consumer = await ConsumeAsync(queue);
        Delivery delivery = await consumer.ExpectNextAsync("m");
        for (int hour = 0; hour < 5; hour++)
        {
            await Engine.AdvanceAsync(TimeSpan.FromHours(1));
        }

        await Channel.AckAsync(delivery.DeliveryTag);
        await ExpectReadyAsync(queue, 0);
        Assert.True(Channel.IsOpen);
    }

    private async Task DeliverAsync(IChannel channel, string queue, int count)
    {
        await SendNumbersAsync(queue, count);
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await consumer.ExpectAllAsync(Numbers(1, count));
    }
}
