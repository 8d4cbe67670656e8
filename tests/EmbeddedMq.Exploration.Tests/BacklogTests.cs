using EmbeddedMq.Exploration.Tests.Exploring;

namespace EmbeddedMq.Exploration.Tests;

/// <summary>Messages on their way to disk and back, beside everything that uses the queue meanwhile.</summary>
public sealed class BacklogTests(ITestOutputHelper output) : ExplorationTests(output)
{
    [Fact]
    public Task Consumer_BesidePublishAndPaging_ReceivesAllInOrder() => ExploreAsync(static async (scenario, pager) =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i < 4; i++)
        {
            await publisher.PublishAsync("", "q", Message.Text($"m{i}"));
        }

        pager.RunAll();
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 2 });
        bool isDone = false;
        scenario.Thread("publisher", () =>
        {
            scenario.Publish(publisher, "q", "m4");
            scenario.Publish(publisher, "q", "m5");
        });
        scenario.Thread("pager", () => pager.RunUntil(() => isDone));
        scenario.Thread("consumer", () =>
        {
            for (int i = 0; i < 6; i++)
            {
                Delivery delivery = scenario.Read(consumer);
                Assert.Equal($"m{i}", delivery.Message.GetText());
                scenario.Do(channel.AckAsync(delivery.DeliveryTag));
            }

            isDone = true;
        });
    });

    [Fact]
    public Task Requeue_BesidePagingAndConsumer_LosesAndDoublesNothing() => ExploreAsync(static async (scenario, pager) =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i < 4; i++)
        {
            await publisher.PublishAsync("", "q", Message.Text($"m{i}"));
        }

        GetResult held = (await channel.GetAsync("q"))!;
        pager.RunAll();
        List<string> texts = [];
        bool isDone = false;
        scenario.Thread("requeue", () => scenario.Do(channel.NackAsync(held.Delivery.DeliveryTag)));
        scenario.Thread("pager", () => pager.RunUntil(() => isDone));
        scenario.Thread("consumer", () =>
        {
            IConsumer consumer = scenario.Do(publisher.StartConsumerAsync("q", new ConsumerOptions { AutoAck = true }));
            while (texts.Count < 4)
            {
                texts.Add(scenario.Read(consumer).Message.GetText());
            }

            isDone = true;
        });
        scenario.Check = () =>
        {
            Assert.Equal(["m1", "m2", "m3"], texts.Where(static text => text != "m0"));
            Assert.Equal(4, texts.Distinct().Count());
            return Task.CompletedTask;
        };
    });

    [Fact]
    public Task Purge_BesidePagingAndConsumer_LeavesNothingBehind() => ExploreAsync(static async (scenario, pager) =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i < 4; i++)
        {
            await publisher.PublishAsync("", "q", Message.Text($"m{i}"));
        }

        pager.RunAll();
        int open = 2;
        uint purgedCount = 0;
        scenario.Thread("consumer", () =>
        {
            IConsumer consumer = scenario.Do(channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 }));
            while (scenario.TryRead(consumer) is { } delivery)
            {
                scenario.Do(channel.AckAsync(delivery.DeliveryTag));
            }

            open--;
        });
        scenario.Thread("pager", () => pager.RunUntil(() => open == 0));
        scenario.Thread("purger", () =>
        {
            purgedCount = scenario.Do(publisher.PurgeQueueAsync("q"));
            open--;
        });
        scenario.Check = async () =>
        {
            QueueDescription queue = await scenario.DescribeAsync("q");
            Assert.Equal(purgedCount, queue.PurgedTotal);
            Assert.Equal(4, queue.AckedTotal + queue.PurgedTotal + queue.UnackedCount);
            Assert.Equal((0, 0), (queue.ReadyCount, queue.AwayCount));
        };
    });
}
