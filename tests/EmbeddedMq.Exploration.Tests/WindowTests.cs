using EmbeddedMq.Exploration.Tests.Exploring;

namespace EmbeddedMq.Exploration.Tests;

/// <summary>What gives consumers their next messages when they have used up their windows, and publishers their turn when memory is free again.</summary>
public sealed class WindowTests(ITestOutputHelper output) : ExplorationTests(output)
{
    private const int Prefetch = 256;

    [Theory]
    [InlineData(1)]   // the reader finds it
    [InlineData(32)]  // the publisher finds it
    [InlineData(128)] // whoever acknowledges does
    public Task LongWindow_AckBesideReaderAndPublish_NextMessagesAreDelivered(int acked) => ExploreAsync(async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i <= Prefetch; i++)
        {
            await publisher.PublishAsync("", "q", Message.Text($"{i}"));
        }

        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = Prefetch });
        IAsyncEnumerator<Delivery> reader = consumer.ReadAllAsync().GetAsyncEnumerator();
        for (int i = 0; i < Prefetch - 1; i++)
        {
            Assert.True(await reader.MoveNextAsync());
        }

        scenario.Thread("acker", () =>
        {
            for (ulong tag = 1; tag <= (ulong)acked; tag++)
            {
                scenario.Do(channel.AckAsync(tag));
            }
        });
        scenario.Thread("reader", () =>
        {
            Assert.True(scenario.Do(reader.MoveNextAsync()));
            Assert.True(scenario.Do(reader.MoveNextAsync()));
            Assert.Equal($"{Prefetch}", reader.Current.Message.GetText());
        });
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "the last"));
    });

    [Fact]
    public Task LongWindow_AckBesideTheFirstMessageThatCannotWait_NoneStaysBehind() => ExploreAsync(async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i <= Prefetch; i++)
        {
            await publisher.PublishAsync("", "q", Message.Text($"{i}"));
        }

        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = Prefetch });
        scenario.TryRead(consumer);
        scenario.Thread("acker", () => scenario.Do(channel.AckAsync(1)));
        scenario.Thread("publisher", () => scenario.Do(publisher.PublishAsync("", "q", Message.Text("soon over", new MessageProperties { Expiration = "1000" }))));
        scenario.Check = async () => Assert.Equal(1, (await scenario.DescribeAsync("q")).ReadyCount);
    });

    [Fact]
    public Task SharedWindow_NackBesidePublish_WhatWasPutBackComesFirst() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await channel.SetPrefetchAsync(1, perChannel: true);
        IConsumer consumer = await channel.StartConsumerAsync("q");
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        Delivery held = scenario.TryRead(consumer)!.Value;
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m2"));
        scenario.Thread("consumer", () =>
        {
            scenario.Do(channel.NackAsync(held.DeliveryTag));
            scenario.ReadAndAck(channel, consumer, "m1", "m2");
        });
    });

    [Fact]
    public Task Nack_BesideCancelOfTheOtherConsumer_TheRestGoesOn() => ExploreAsync(static async scenario =>
    {
        IChannel first = await scenario.OpenChannelAsync();
        IChannel second = await scenario.OpenChannelAsync();
        await first.DeclareQueueAsync("q", static q => q.WithArgument(QueueArgument.SingleActiveConsumer, true));
        IConsumer leaver = await first.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
        IConsumer stayer = await second.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
        await first.PublishAsync("", "q", Message.Text("m1"));
        await first.PublishAsync("", "q", Message.Text("m2"));
        Delivery held = scenario.TryRead(leaver)!.Value;
        scenario.Thread("nacker", () => scenario.TryDo(() => first.NackAsync(held.DeliveryTag)));
        scenario.Thread("leaver", () => scenario.Do(leaver.DisposeAsync()));
        scenario.Thread("stayer", () =>
        {
            HashSet<string> texts = [];
            while (texts.Count < 2)
            {
                Delivery delivery = scenario.Read(stayer);
                texts.Add(delivery.Message.GetText());
                scenario.Do(second.AckAsync(delivery.DeliveryTag));
            }
        });
    });

    [Fact]
    public Task MemoryWatermark_TwoPublishersBesideConsumer_NobodyIsCalledBlockedInTheEnd() => ExploreAsync(
        static async scenario =>
        {
            IChannel[] publishers = [await scenario.OpenChannelAsync(), await scenario.OpenChannelAsync()];
            IChannel channel = await scenario.OpenChannelAsync();
            await channel.DeclareQueueAsync("q");
            IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
            foreach (IChannel publisher in publishers)
            {
                scenario.Thread("publisher", () =>
                {
                    scenario.Publish(publisher, "q", "m1");
                    scenario.Publish(publisher, "q", "m2");
                });
            }

            scenario.Thread("consumer", () =>
            {
                for (int i = 0; i < 4; i++)
                {
                    scenario.Do(channel.AckAsync(scenario.Read(consumer).DeliveryTag));
                }
            });
            scenario.Check = () => Task.WhenAll(publishers.Select(static publisher => UnblockedAsync(publisher.Connection)));
        },
        static options => options.MemoryHighWatermarkBytes = 200);

    [Fact]
    public Task ReplyConsumer_EndsBesideReplies_LeavesNoMemoryBehind() => ExploreAsync(static async scenario =>
    {
        IChannel requester = await scenario.OpenChannelAsync();
        IChannel answerer = await scenario.OpenChannelAsync();
        await answerer.DeclareQueueAsync("requests");
        IConsumer replies = await requester.StartConsumerAsync("amq.rabbitmq.reply-to", new ConsumerOptions { AutoAck = true });
        await requester.PublishAsync("", "requests", Message.Text("?", new MessageProperties { ReplyTo = "amq.rabbitmq.reply-to" }));
        string replyTo = (await answerer.GetAsync("requests", autoAck: true))!.Delivery.Message.Properties.ReplyTo!;
        scenario.Thread("answerer", () =>
        {
            scenario.Publish(answerer, replyTo, "1");
            scenario.Publish(answerer, replyTo, "2");
        });
        scenario.Thread("reader", () => scenario.TryRead(replies));
        scenario.Thread("closer", () => scenario.Do(requester.CloseAsync()));
    });

    // That is told on a thread of its own.
    private static async Task UnblockedAsync(IConnection connection)
    {
        TaskCompletionSource unblocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.BlockedChanged += (_, change) =>
        {
            if (change.Reason is null)
            {
                unblocked.TrySetResult();
            }
        };
        if (connection.BlockedReason is not null)
        {
            await unblocked.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System);
        }
    }
}
