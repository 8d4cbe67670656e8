namespace EmbeddedMq.Compliance;

/// <summary>Quorum queues: what is the same on both engines beyond what other suites say of them, and what is not.</summary>
/// <inheritdoc cref="ComplianceSuite" path="/param"/>
public abstract class QuorumQueueCompliance(ComplianceEngine engine) : ComplianceSuite(engine)
{
    [Fact, AmqpItem("A14.1")]
    public async Task Messages_NeverReturned_AreDeliveredInOrder()
    {
        string queue = await DeclareQuorumQueueAsync();
        await SendNumbersAsync(queue, 20);
        TestConsumer consumer = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 3 });
        foreach (string text in Numbers(1, 20))
        {
            await consumer.AckNextAsync(text);
        }

        await ExpectMessagesAsync(queue);
    }

    [Fact, AmqpItem("A7.17")]
    public async Task Consumer_ItsChannelCloses_WhatItHeldComesAgainFlaggedAndCounted()
    {
        string queue = await DeclareQuorumQueueAsync();
        IChannel channel = await OpenChannelAsync();
        TestConsumer consumer = await ConsumeAsync(queue, channel: channel);
        await SendAsync(queue, "m");
        Assert.False((await consumer.ExpectNextAsync("m")).Redelivered);
        await channel.CloseAsync();
        Delivery again = await (await ConsumeAsync(queue)).ExpectNextAsync("m");
        Assert.Equal((true, 1), (again.Redelivered, again.DeliveryCount));
    }

    [Fact, AmqpItem("A4.8")]
    public async Task MaxLength_IsExceeded_DropsTheOldest()
    {
        string dead = await DeclareQueueAsync();
        string queue = await DeclareQuorumQueueAsync(q => q.MaxLength(2).DeadLetterTo(dead));
        await SendNumbersAsync(queue, 4);
        await ExpectMessagesAsync(dead, "1", "2");
        await ExpectMessagesAsync(queue, "3", "4");
    }

    [Fact, AmqpItem("A7.19")]
    [DeliberateDifference("A requeued message goes back to its place in every queue; RabbitMQ 3.10's quorum queues put it behind the ready ones, 4.3's before them.")]
    public async Task Requeue_AmongReadyMessages_GoesBackToItsPlace()
    {
        string queue = await DeclareQuorumQueueAsync();
        await SendNumbersAsync(queue, 4);
        Delivery first = await GetUnsettledAsync(Channel, queue);
        Delivery second = await GetUnsettledAsync(Channel, queue);
        await Channel.RejectAsync(second.DeliveryTag, requeue: true);
        await Channel.RejectAsync(first.DeliveryTag, requeue: true);
        await ExpectMessagesAsync(queue, Numbers(1, 4));
    }

    [Fact, AmqpItem("A7.9")]
    [DeliberateDifference("An exclusive consumer is alone on every queue; RabbitMQ's quorum queues take the flag and no notice of it.")]
    public async Task ExclusiveConsumer_OnAQuorumQueue_IsAlone()
    {
        string queue = await DeclareQuorumQueueAsync();
        await ConsumeAsync(queue, new ConsumerOptions { Exclusive = true });
        await ExpectChannelErrorAsync(ReplyCode.AccessRefused, $"{QueueIn(queue)} in exclusive use", c => c.StartConsumerAsync(queue));
    }

    [Fact, AmqpItem("A7.8")]
    [DeliberateDifference("Consumers of every queue take turns in one way; RabbitMQ's quorum queues put one whose prefetch was used up behind the others.")]
    public async Task Turns_ConsumerWhosePrefetchWasUsedUp_KeepsItsTurn()
    {
        string queue = await DeclareQuorumQueueAsync();
        TestConsumer first = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        await SendAsync(queue, "1");
        Delivery delivery = await first.ExpectNextAsync("1");
        TestConsumer second = await ConsumeAsync(queue, new ConsumerOptions { PrefetchCount = 1 });
        await Channel.AckAsync(delivery.DeliveryTag);
        await SendAsync(queue, "2", "3");
        await first.ExpectNextAsync("2");
        await second.ExpectNextAsync("3");
    }

    [Fact]
    [DeliberateDifference("Only consumers count as consumers; to RabbitMQ's quorum queues a get is one as well until its message is settled.")]
    public async Task ConsumerCount_MessageTakenWithGet_IsZero()
    {
        string queue = await DeclareQuorumQueueAsync();
        await SendAsync(queue, "m");
        await GetUnsettledAsync(Channel, queue);
        Assert.Equal(0u, (await Channel.DeclareQueuePassiveAsync(queue)).ConsumerCount);
    }

    private async Task<string> DeclareQuorumQueueAsync(Func<QueueDeclaration, QueueDeclaration>? configure = null)
        => await DeclareQueueAsync(q => (configure is null ? q : configure(q)).Durable().WithArgument(QueueArgument.QueueType, "quorum"));
}
