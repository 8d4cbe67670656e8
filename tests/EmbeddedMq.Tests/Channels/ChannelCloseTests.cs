using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Channels;

/// <summary>What a channel held goes back when it closes: all of it, to where it was, before anybody else has a turn.</summary>
public sealed class ChannelCloseTests
{
    [Fact]
    public async Task Close_WithReadAndUnreadDeliveries_RequeuesThemInTheirOrder()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel publisher = await broker.OpenChannelAsync();
        await publisher.DeclareQueueAsync(new QueueDeclaration("q"));
        await PublishAsync(publisher, "1", "2", "3", "4");
        IChannel closing = await broker.OpenChannelAsync();
        IConsumer first = await closing.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 4 });
        Assert.Equal(["1", "2"], await first.TakeTextsAsync(2)); // 3 and 4 stay unread
        IConsumer second = await publisher.StartConsumerAsync("q");

        await closing.CloseAsync();

        Assert.Equal(["1", "2", "3", "4"], await second.TakeTextsAsync(4));
    }

    [Fact]
    public async Task Close_OfTheSingleActiveConsumersChannel_RequeuesBeforeTheNextHasItsTurn()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel publisher = await broker.OpenChannelAsync();
        await publisher.DeclareQueueAsync(new QueueDeclaration("q").SingleActiveConsumer());
        await PublishAsync(publisher, "1", "2", "3");
        IChannel closing = await broker.OpenChannelAsync();
        IConsumer active = await closing.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 2 });
        Assert.Equal(["1"], await active.TakeTextsAsync(1));
        IConsumer next = await publisher.StartConsumerAsync("q");

        await closing.CloseAsync();

        Assert.Equal(["1", "2", "3"], await next.TakeTextsAsync(3));
    }

    [Fact]
    public async Task Dispose_OfTheSingleActiveConsumer_RequeuesTheUnreadBeforeTheNextHasItsTurn()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration("q").SingleActiveConsumer());
        await PublishAsync(channel, "1", "2", "3");
        IConsumer active = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 2 });
        IConsumer next = await channel.StartConsumerAsync("q");

        await active.DisposeAsync();

        Assert.Equal(["1", "2", "3"], await next.TakeTextsAsync(3));
    }

    [Fact]
    public async Task Close_OfTheLastConsumersChannel_TakesAnAutoDeleteQueueWithAllItHeld()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration("dead"));
        await channel.DeclareQueueAsync(new QueueDeclaration("q").AutoDelete().WithMessageTtl(TimeSpan.FromSeconds(1)).DeadLetterTo("dead"));
        IChannel closing = await broker.OpenChannelAsync();
        IConsumer consumer = await closing.StartConsumerAsync("q");
        await PublishAsync(channel, "1", "2");
        Assert.Equal(["1"], await consumer.TakeTextsAsync(1));
        await broker.AdvanceAsync(TimeSpan.FromSeconds(2));

        await closing.CloseAsync();

        Assert.Equal(0, (await broker.DescribeAsync("dead")).ReadyCount);
        Assert.Equal(0, ((Broker)broker.Broker).MemoryBytes);
    }

    [Fact]
    public async Task Close_OfAConnection_RequeuesWhatAllItsChannelsHeldInOrder()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel publisher = await broker.OpenChannelAsync();
        await publisher.DeclareQueueAsync(new QueueDeclaration("q"));
        await PublishAsync(publisher, "1", "2", "3", "4");
        IConnection closing = await broker.ConnectAsync();
        IChannel[] channels = [await closing.OpenChannelAsync(), await closing.OpenChannelAsync()];
        List<IConsumer> consumers = [];
        for (int i = 0; i < 4; i++)
        {
            consumers.Add(await channels[i % 2].StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 }));
        }

        IConsumer survivor = await publisher.StartConsumerAsync("q");
        await closing.CloseAsync();

        Assert.Equal(["1", "2", "3", "4"], await survivor.TakeTextsAsync(4));
        Assert.All(consumers, static consumer => Assert.True(consumer.Ended.IsCompleted));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Close_AfterACancel_PutsBackWhatNobodyHasRead(bool autoAck)
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel publisher = await broker.OpenChannelAsync();
        await publisher.DeclareQueueAsync(new QueueDeclaration("q"));
        await PublishAsync(publisher, "1", "2", "3");
        IChannel closing = await broker.OpenChannelAsync();
        IConsumer consumer = await closing.StartConsumerAsync("q", new ConsumerOptions { AutoAck = autoAck });
        await consumer.CancelAsync();
        Assert.Equal((0, 3), ((await broker.DescribeAsync("q")).ReadyCount, (await broker.DescribeAsync("q")).UnackedCount));

        await closing.CloseAsync();

        Assert.Equal((3, 0), ((await broker.DescribeAsync("q")).ReadyCount, (await broker.DescribeAsync("q")).UnackedCount));
        Assert.Equal(["1", "2", "3"], await broker.DrainAsync("q"));
        Assert.Equal(0, ((Broker)broker.Broker).MemoryBytes);
    }

    [Fact]
    public async Task Close_AfterTheQueueOfAnAutoAckConsumerHasGone_LetsGoOfTheMemoryOfWhatNobodyHasRead()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration("q"));
        await PublishAsync(channel, "1", "2");
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { AutoAck = true });
        await channel.DeleteQueueAsync("q");
        Assert.Equal(["1"], await consumer.TakeTextsAsync(1));

        await channel.CloseAsync();

        Assert.Equal(0, ((Broker)broker.Broker).MemoryBytes);
    }

    private static async Task PublishAsync(IChannel channel, params string[] texts)
    {
        foreach (string text in texts)
        {
            await channel.PublishAsync("", "q", Message.Text(text));
        }
    }
}
