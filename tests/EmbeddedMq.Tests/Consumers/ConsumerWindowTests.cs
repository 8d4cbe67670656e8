using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Consumers;

/// <summary>When a consumer that has used up its window gets more.</summary>
public sealed class ConsumerWindowTests
{
    private const int Prefetch = 512;

    [Fact]
    public async Task LongWindow_UsedUpWithMessagesUnread_IsFilledAgainWhenHalfIsFree()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, Prefetch, Prefetch + 300);
        IReadOnlyList<Delivery> deliveries = await consumer.TakeAsync(Prefetch / 2);
        for (int i = 0; i < deliveries.Count - 1; i++)
        {
            await channel.AckAsync(deliveries[i].DeliveryTag);
        }

        Assert.Equal(300, await CountReadyAsync(channel));
        await channel.AckAsync(deliveries[^1].DeliveryTag);
        Assert.Equal(300 - deliveries.Count, await CountReadyAsync(channel));
    }

    [Fact]
    public async Task LongWindow_UsedUpWithMessagesUnread_IsFilledAgainByTheNextPublishWhenAnEighthIsFree()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, Prefetch, Prefetch + 100);
        IReadOnlyList<Delivery> deliveries = await consumer.TakeAsync(Prefetch / 8);
        for (int i = 0; i < deliveries.Count - 1; i++)
        {
            await channel.AckAsync(deliveries[i].DeliveryTag);
        }

        await channel.PublishAsync("", "q", Message.Text("one too early"));
        Assert.Equal(101, await CountReadyAsync(channel));
        await channel.AckAsync(deliveries[^1].DeliveryTag);
        Assert.Equal(101, await CountReadyAsync(channel));
        await channel.PublishAsync("", "q", Message.Text("the last"));
        Assert.Equal(102 - deliveries.Count, await CountReadyAsync(channel));
    }

    [Fact]
    public async Task LongWindow_UsedUpAndAllRead_IsFilledAgainByEachAcknowledgement()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, Prefetch, Prefetch + 100);
        IReadOnlyList<Delivery> deliveries = await consumer.TakeAsync(Prefetch);
        await channel.AckAsync(deliveries[7].DeliveryTag);
        Assert.Equal(99, await CountReadyAsync(channel));
        await channel.AckAsync(deliveries[8].DeliveryTag);
        Assert.Equal(99, await CountReadyAsync(channel)); // there is one to read now
        Assert.Equal([$"{Prefetch}", $"{Prefetch + 1}"], await consumer.TakeTextsAsync(2));
    }

    [Fact]
    public async Task ShortWindow_UsedUpWithMessagesUnread_IsFilledAgainByEachAcknowledgement()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, 200, 300);
        IReadOnlyList<Delivery> deliveries = await consumer.TakeAsync(1);
        await channel.AckAsync(deliveries[0].DeliveryTag);
        Assert.Equal(99, await CountReadyAsync(channel));
    }

    [Fact]
    public async Task LongWindow_UsedUpAndReadByReadersThatStop_IsFilledAgain()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, Prefetch, Prefetch + 100);
        IReadOnlyList<Delivery> first = await consumer.TakeAsync(Prefetch - 1);
        await channel.AckAsync(first[0].DeliveryTag);
        Assert.Equal(100, await CountReadyAsync(channel)); // there is one to read
        await consumer.TakeAsync(1);
        Assert.Equal(99, await CountReadyAsync(channel));
    }

    [Fact]
    public async Task LongWindow_UsedUpBesideAConsumerOfLowerPriority_IsFilledAgainByEachAcknowledgement()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, Prefetch, Prefetch + 1);
        IReadOnlyList<Delivery> deliveries = await consumer.TakeAsync(2);
        await channel.AckAsync(deliveries[0].DeliveryTag);
        Assert.Equal(1, await CountReadyAsync(channel)); // there are others to read
        await using IChannel other = await broker.OpenChannelAsync();
        IConsumer lower = await other.StartConsumerAsync("q", new ConsumerOptions { Priority = -1 });
        Assert.Equal(0, await CountReadyAsync(channel)); // the higher one has it
        await channel.PublishAsync("", "q", Message.Text("while the higher one has no credit"));
        await channel.AckAsync(deliveries[1].DeliveryTag);
        await channel.PublishAsync("", "q", Message.Text("goes to the higher one"));
        await channel.PublishAsync("", "q", Message.Text("too many"));
        Assert.Equal(["while the higher one has no credit", "too many"], await lower.TakeTextsAsync(2));
    }

    [Fact]
    public async Task LongWindow_UsedUpInAQueueThatGetsALimit_IsFilledBeforeAnythingIsDropped()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        (IChannel channel, IConsumer consumer) = await StartAsync(broker, Prefetch, Prefetch + 1);
        await channel.AckAsync((await consumer.TakeAsync(1))[0].DeliveryTag);
        Assert.Equal(1, await CountReadyAsync(channel));
        await broker.Broker.Management.SetPolicyAsync("/", new Policy("none", "^q$", HeaderTable.Of("max-length", 0)));
        Assert.Equal($"{Prefetch}", (await consumer.TakeTextsAsync(Prefetch))[^1]);
    }

    /// <summary>Who acknowledges a message and publishes to the same queue before it reads the next one would wait for ever.</summary>
    [Fact]
    public async Task LongWindow_UsedUpInAFullQueueThatKeepsPublishersWaiting_OneIsLetInByEachAcknowledgement()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.MaxLength(1, Overflow.BlockPublisher));
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = Prefetch });
        await PublishAsync(channel, Prefetch + 1);
        foreach (Delivery delivery in await consumer.TakeAsync(2))
        {
            await channel.AckAsync(delivery.DeliveryTag);
            Assert.True(channel.PublishAsync("", "q", Message.Text("again")).AsTask().IsCompletedSuccessfully);
        }
    }

    [Fact]
    public async Task AutomaticAcknowledgement_MoreThanTheWindow_AllComeInOrder()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await PublishAsync(channel, 5_000);
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { AutoAck = true });
        Assert.Equal(Enumerable.Range(0, 5_000).Select(static number => $"{number}"), await consumer.TakeTextsAsync(5_000));
    }

    private static async Task<(IChannel Channel, IConsumer Consumer)> StartAsync(BrokerFixture broker, int prefetch, int count)
    {
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await PublishAsync(channel, count);
        return (channel, await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = prefetch }));
    }

    private static async Task PublishAsync(IChannel channel, int count)
    {
        for (int i = 0; i < count; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i}"));
        }
    }

    private static async Task<int> CountReadyAsync(IChannel channel) => (int)(await channel.DeclareQueuePassiveAsync("q")).MessageCount;
}
