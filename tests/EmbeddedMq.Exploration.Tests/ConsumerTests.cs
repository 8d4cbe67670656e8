using EmbeddedMq.Exploration.Tests.Exploring;

namespace EmbeddedMq.Exploration.Tests;

/// <summary>Consumers that begin and end beside those who publish to them, read from them and close their channels.</summary>
public sealed class ConsumerTests(ITestOutputHelper output) : ExplorationTests(output)
{
    [Fact]
    public Task DisposeOfConsumer_BesideNackAndPublish_OtherConsumerGetsAll() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel leaving = await scenario.OpenChannelAsync();
        IChannel staying = await scenario.OpenChannelAsync();
        await leaving.DeclareQueueAsync("q");
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        IConsumer leaver = await leaving.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 2 });
        IConsumer stayer = await staying.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
        Delivery held = scenario.TryRead(leaver)!.Value;
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m2"));
        scenario.Thread("leaver", () =>
        {
            scenario.Do(leaving.NackAsync(held.DeliveryTag));
            scenario.Do(leaver.DisposeAsync());
        });
        scenario.Thread("stayer", () =>
        {
            List<string> texts = [];
            while (texts.Count < 2)
            {
                Delivery delivery = scenario.Read(stayer);
                scenario.Do(staying.AckAsync(delivery.DeliveryTag));
                texts.Add(delivery.Message.GetText());
            }

            Assert.Equal(2, texts.Distinct().Count());
        });
    });

    [Fact]
    public Task DisposeOfAutoAckConsumer_BesideItsReader_LosesAndDoublesNothing() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { AutoAck = true });
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        List<string> read = [];
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m2"));
        scenario.Thread("reader", () =>
        {
            while (scenario.TryRead(consumer) is { } delivery)
            {
                read.Add(delivery.Message.GetText());
            }
        });
        scenario.Thread("disposer", () => scenario.Do(consumer.DisposeAsync()));
        scenario.Check = async () => Assert.Equal(["m1", "m2"], [.. read, .. await scenario.DrainAsync("q")]);
    });

    [Fact]
    public Task DisposeOfAutoAckConsumer_BesideItsReader_GivesBackWhatFollowsTheLastRead() => ExploreAsync(static async scenario =>
    {
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { AutoAck = true });
        foreach (string text in new[] { "m1", "m2", "m3" })
        {
            await channel.PublishAsync("", "q", Message.Text(text));
        }

        List<string> read = [];
        scenario.Thread("reader", () =>
        {
            while (scenario.TryRead(consumer) is { } delivery)
            {
                read.Add(delivery.Message.GetText());
            }
        });
        scenario.Thread("disposer", () => scenario.Do(consumer.DisposeAsync()));
        scenario.Check = async () => Assert.Equal(["m1", "m2", "m3"], [.. read, .. await scenario.DrainAsync("q")]);
    });

    [Fact]
    public Task CancelOfConsumer_BesideCloseOfItsChannel_PutsUnreadBack() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        IConsumer manual = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
        IConsumer automatic = await channel.StartConsumerAsync("q", new ConsumerOptions { AutoAck = true });
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        await publisher.PublishAsync("", "q", Message.Text("m2"));
        scenario.Thread("canceller", () =>
        {
            scenario.Do(manual.CancelAsync());
            scenario.Do(automatic.CancelAsync());
        });
        scenario.Thread("closer", () => scenario.Do(channel.CloseAsync()));
        scenario.Check = async () => Assert.Equal(["m1", "m2"], await scenario.DrainAsync("q"));
    });

    [Fact]
    public Task CancelOfTwoConsumers_BesidePublish_WhatTheyDidNotReadGoesBackWithTheirChannel() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await channel.DeclareQueueAsync("other");
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { AutoAck = true });
        IConsumer other = await channel.StartConsumerAsync("other", new ConsumerOptions { AutoAck = true });
        scenario.Thread("canceller", () => scenario.Do(consumer.CancelAsync()));
        scenario.Thread("other canceller", () => scenario.Do(other.CancelAsync()));
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m"));
        scenario.Check = async () =>
        {
            await channel.CloseAsync();
            Assert.Equal(["m"], await scenario.DrainAsync("q"));
        };
    });

    [Fact]
    public Task StartOfConsumer_BesideCloseOfItsChannel_HoldsNothingBack() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m"));
        scenario.Thread("starter", () => scenario.TryDo(async () => await channel.StartConsumerAsync("q")));
        scenario.Thread("closer", () => scenario.Do(channel.CloseAsync()));
        scenario.Check = async () =>
        {
            Assert.Equal(0, (await scenario.DescribeAsync("q")).ConsumerCount);
            Assert.Equal(["m"], await scenario.DrainAsync("q"));
        };
    });
}
