using EmbeddedMq.Exploration.Tests.Exploring;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Exploration.Tests;

/// <summary>Messages on their way to disk and back, beside everything that uses the queue meanwhile.</summary>
public sealed class BacklogTests(ITestOutputHelper output)
{
    private const int SchedulesEach = 400;

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
    public Task Get_BesidePagingAndRequeue_TakesAllInOrder() => ExploreAsync(static async (scenario, pager) =>
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
        scenario.Thread("getter", () =>
        {
            while (texts.Count < 4)
            {
                if (scenario.Do(publisher.GetAsync("q", autoAck: true)) is { } got)
                {
                    texts.Add(got.Delivery.Message.GetText());
                }
                else
                {
                    ExploredThread.Current!.WaitFor(() => true);
                }
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
    public Task Purge_BesidePagingAndGet_LeavesNothingBehind() => ExploreAsync(static async (scenario, pager) =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i < 4; i++)
        {
            await publisher.PublishAsync("", "q", Message.Text($"m{i}"));
        }

        pager.RunAll();
        int gotCount = 0;
        uint purgedCount = 0;
        int open = 2;
        scenario.Thread("getter", () =>
        {
            for (int i = 0; i < 3; i++)
            {
                gotCount += scenario.Do(channel.GetAsync("q", autoAck: true)) is null ? 0 : 1;
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
            Assert.Equal(4, gotCount + purgedCount + queue.ReadyCount);
            Assert.Equal(0, queue.ReadyCount);
        };
    });

    private async Task ExploreAsync(Func<Scenario, PagerThread, Task> scenario)
    {
        PagerThread? thread = null;
        int seed = Seeds.Pick(1);
        int count = await Explorer.ExploreAsync(
            run => scenario(run, thread!),
            seed,
            Seeds.ScheduleCount(SchedulesEach),
            options =>
            {
                options.BacklogStore = new FakeBacklogStore();
                options.BacklogMemoryBytes = 1;
                options.BacklogSettings = new BacklogSettings { FirstPageMessages = 1, PageMessages = 2, WindowMessages = 1, SliceMessages = 1, RestMs = 0 };
                options.BacklogStarted = pager => thread = new PagerThread(pager);
            });
        output.WriteLine($"{count} schedules, seed {seed}");
    }

    /// <summary>The pager's thread as one of the scenario's.</summary>
    private sealed class PagerThread
    {
        private readonly BacklogPager _pager;
        private volatile bool _isWoken;

        internal PagerThread(BacklogPager pager)
        {
            _pager = pager;
            pager.Wake = _ => _isWoken = true;
        }

        internal void RunAll()
        {
            while (_pager.DoNext())
            {
            }
        }

        internal void RunUntil(Func<bool> isDone)
        {
            while (!isDone())
            {
                _isWoken = false;
                RunAll();
                ExploredThread.Current!.WaitFor(() => _isWoken || isDone());
            }
        }
    }
}
