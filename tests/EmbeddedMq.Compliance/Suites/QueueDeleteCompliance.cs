namespace EmbeddedMq.Compliance;

/// <summary>Deleting and purging queues, and queues that delete themselves.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class QueueDeleteCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A3.15"), OftenGotWrong("unbind and delete of missing things succeed")]
    public async Task Delete_NoSuchQueue_SucceedsWithZero()
    {
        Assert.Equal(0u, await Channel.DeleteQueueAsync(Name("missing")));
        Assert.Equal(0u, await Channel.DeleteQueueAsync(Name("missing"), ifUnused: true, ifEmpty: true));
    }

    [Fact, AmqpItem("A3.15")]
    public async Task Delete_QueueWithMessages_CountsTheReadyOnes()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        await GetUnsettledAsync(Channel, queue);
        Assert.Equal(2u, await Channel.DeleteQueueAsync(queue));
        Assert.False(await QueueExistsAsync(queue));
    }

    [Fact, AmqpItem("A3.15"), AmqpItem("A2.10")]
    public async Task Delete_QueueNamedByTheDefaultExchange_LeavesNothingToRouteTo()
    {
        string queue = await DeclareQueueAsync();
        await Channel.DeleteQueueAsync(queue);
        Assert.Equal(PublishOutcome.Returned, (await Channel.TryPublishAsync("", queue, Message.Text("m"), PublishFlags.Mandatory)).Outcome);
    }

    [Fact, AmqpItem("A3.15")]
    public async Task DeleteIfUnused_WithConsumer_Is406()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue);
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, $"{QueueIn(queue)} in use", c => c.DeleteQueueAsync(queue, ifUnused: true));
        await consumer.Consumer.CancelAsync();
        await SendAsync(queue, "goes too");
        Assert.Equal(1u, await Channel.DeleteQueueAsync(queue, ifUnused: true));
    }

    [Fact, AmqpItem("A3.15")]
    public async Task DeleteIfEmpty_WithReadyMessages_Is406()
    {
        string queue = await DeclareQueueAsync();
        await SendAsync(queue, "ready");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, $"{QueueIn(queue)} not empty", c => c.DeleteQueueAsync(queue, ifEmpty: true));
        await GetUnsettledAsync(Channel, queue);
        Assert.Equal(0u, await Channel.DeleteQueueAsync(queue, ifEmpty: true));
        Assert.False(await QueueExistsAsync(queue));
    }

    [Fact, AmqpItem("A3.15")]
    public async Task DeleteIfUnusedAndIfEmpty_NeitherHolds_SaysNotEmpty()
    {
        string queue = await DeclareQueueAsync();
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        await SendAsync(queue, "unacked", "ready");
        await consumer.ExpectNextAsync("unacked");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, $"{QueueIn(queue)} not empty", c => c.DeleteQueueAsync(queue, ifUnused: true, ifEmpty: true));
    }

    [Fact, AmqpItem("A7.20")]
    [DeliberateDifference("Conditional deletes work on every queue type; RabbitMQ closes the connection with 540 on quorum queues.")]
    public async Task DeleteIfUnusedOrIfEmpty_OfAQuorumQueue_ChecksTheCondition()
    {
        string queue = await DeclareQueueAsync(q => q.Durable().WithArgument(QueueArgument.QueueType, "quorum"));
        await SendAsync(queue, "ready");
        await ExpectChannelErrorAsync(
            ReplyCode.PreconditionFailed, $"{QueueIn(queue)} not empty", c => c.DeleteQueueAsync(queue, ifEmpty: true));
        Assert.Equal(1u, await Channel.DeleteQueueAsync(queue, ifUnused: true));
    }

    [Fact, AmqpItem("A3.15")]
    public async Task Purge_QueueWithUnackedMessages_RemovesReadyOnesOnly()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 3);
        Delivery first = await GetUnsettledAsync(Channel, queue);
        Assert.Equal(2u, await Channel.PurgeQueueAsync(queue));
        Assert.Equal(0u, await Channel.PurgeQueueAsync(queue));
        await Channel.NackAsync(first.DeliveryTag);
        await ExpectMessagesAsync(queue, "1");
    }

    [Fact, AmqpItem("A3.15")]
    public async Task Purge_NoSuchQueue_Is404()
    {
        string queue = Name("missing");
        await ExpectChannelErrorAsync(ReplyCode.NotFound, $"no {QueueIn(queue)}", c => c.PurgeQueueAsync(queue));
    }

    [Fact, AmqpItem("A3.14")]
    public async Task AutoDelete_LastConsumerCancelled_Goes()
    {
        string queue = await DeclareQueueAsync(q => q.AutoDelete());
        TestConsumer first = await ConsumeAsync(queue);
        TestConsumer second = await ConsumeAsync(queue);
        await first.Consumer.CancelAsync();
        await SendAsync(queue, "still there");
        await second.ExpectNextAsync("still there");
        await second.Consumer.CancelAsync();
        await ExpectQueueGoneAsync(queue);
    }

    [Fact, AmqpItem("A3.14")]
    public async Task AutoDelete_NeverConsumed_StaysEvenAfterGet()
    {
        string queue = await DeclareQueueAsync(q => q.AutoDelete());
        await SendAsync(queue, "m");
        await ExpectMessagesAsync(queue, "m");
        await Engine.SettleAsync();
        Assert.True(await QueueExistsAsync(queue));
    }

    [Fact, AmqpItem("A3.14")]
    public async Task AutoDelete_ChannelOfLastConsumerCloses_Goes()
    {
        string queue = await DeclareQueueAsync(q => q.AutoDelete());
        IChannel channel = await OpenChannelAsync();
        await ConsumeAsync(queue, channel: channel);
        await channel.CloseAsync();
        await ExpectQueueGoneAsync(queue);
    }

    [Fact, AmqpItem("A3.14")]
    public async Task AutoDelete_ConnectionOfLastConsumerCloses_Goes()
    {
        string queue = await DeclareQueueAsync(q => q.AutoDelete());
        IConnection connection = await ConnectAsync();
        await ConsumeAsync(queue, channel: await OpenChannelAsync(connection: connection));
        await connection.CloseAsync();
        await ExpectQueueGoneAsync(queue);
    }

    [Fact, AmqpItem("A7.13")]
    public async Task Delete_QueueWithConsumers_EndsThemAndLeavesTheirChannelOpen()
    {
        string queue = await DeclareQueueAsync();
        await SendNumbersAsync(queue, 2);
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 }, channel);
        Delivery delivery = await consumer.ExpectNextAsync("1");
        await Channel.DeleteQueueAsync(queue);
        await consumer.ExpectEndAsync(ConsumerEnd.QueueGone);
        Assert.True(channel.IsOpen);

        // The delivery is still known: its queue is gone, its tag is not.
        await channel.AckAsync(delivery.DeliveryTag);
        Assert.True(channel.IsOpen);
    }
}
