using EmbeddedMq.Exploration.Tests.Exploring;

namespace EmbeddedMq.Exploration.Tests;

/// <summary>The critical sections of queues and channels beside each other, under very many schedules. Each scenario is as small as its race.</summary>
public sealed class QueueAndChannelTests(ITestOutputHelper output) : ExplorationTests(output)
{
    [Fact]
    public Task Ack_BesidePublishAndPrefetchOne_NextMessageIsDelivered() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
        scenario.Thread("publisher", () =>
        {
            scenario.Publish(publisher, "q", "m1");
            scenario.Publish(publisher, "q", "m2");
        });
        scenario.Thread("consumer", () => scenario.ReadAndAck(channel, consumer, "m1", "m2"));
    });

    [Fact]
    public Task Ack_WithWindowSharedByTwoQueues_BothGoOn() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q1");
        await channel.DeclareQueueAsync("q2");
        await channel.SetPrefetchAsync(1, perChannel: true);
        IConsumer first = await channel.StartConsumerAsync("q1");
        IConsumer second = await channel.StartConsumerAsync("q2");
        scenario.Thread("publisher", () =>
        {
            scenario.Publish(publisher, "q1", "m");
            scenario.Publish(publisher, "q2", "m");
        });
        scenario.Thread("first", () => scenario.Do(channel.AckAsync(scenario.Read(first).DeliveryTag)));
        scenario.Thread("second", () => scenario.Do(channel.AckAsync(scenario.Read(second).DeliveryTag)));
    });

    [Fact]
    public Task WindowMadeLarger_BesidePublish_MessageIsDelivered() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await channel.SetPrefetchAsync(1, perChannel: true);
        IConsumer consumer = await channel.StartConsumerAsync("q");
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m2"));
        scenario.Thread("window", () => scenario.Do(channel.SetPrefetchAsync(0, perChannel: true)));
        scenario.Thread("consumer", () =>
        {
            scenario.Read(consumer);
            scenario.Read(consumer);
        });
    });

    [Fact]
    public Task Close_BesidePublish_PutsEverythingBackInOrder() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 2 });
        scenario.Thread("publisher", () =>
        {
            scenario.Publish(publisher, "q", "m1");
            scenario.Publish(publisher, "q", "m2");
            scenario.Publish(publisher, "q", "m3");
        });
        scenario.Thread("closer", () =>
        {
            scenario.TryRead(consumer);
            scenario.Do(channel.CloseAsync());
        });
        scenario.Check = async () => Assert.Equal(["m1", "m2", "m3"], await scenario.DrainAsync("q"));
    });

    [Fact]
    public Task Close_BesideAck_SettlesOrPutsBackOnce() => ExploreAsync(static async scenario =>
    {
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await channel.PublishAsync("", "q", Message.Text("m"));
        IConsumer consumer = await channel.StartConsumerAsync("q");
        Delivery delivery = scenario.TryRead(consumer)!.Value;
        bool acked = false;
        scenario.Thread("acker", () => acked = scenario.TryDo(() => channel.AckAsync(delivery.DeliveryTag)));
        scenario.Thread("closer", () => scenario.Do(channel.CloseAsync()));
        scenario.Check = async () => Assert.Equal(acked ? [] : ["m"], await scenario.DrainAsync("q"));
    });

    [Fact]
    public Task AckMultiple_BesideNackOfOneOfThem_SettlesEachOnce() => ExploreAsync(static async scenario =>
    {
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        foreach (string text in new[] { "m1", "m2", "m3" })
        {
            await channel.PublishAsync("", "q", Message.Text(text));
            await channel.GetAsync("q");
        }

        bool acked = false;
        bool nacked = false;
        scenario.Thread("acker", () => acked = scenario.TryDo(() => channel.AckAsync(3, multiple: true)));
        scenario.Thread("nacker", () => nacked = scenario.TryDo(() => channel.NackAsync(2)));
        scenario.Check = async () =>
        {
            // Whoever comes too late breaks the channel, and what is unsettled then goes back.
            QueueDescription queue = await scenario.DescribeAsync("q");
            Assert.True(acked || nacked);
            Assert.Equal(acked ? (nacked ? 2 : 3) : 0, queue.AckedTotal);
        };
    });

    [Fact]
    public Task Get_BesideCloseOfItsChannel_TakesOrLeaves() => ExploreAsync(static async scenario =>
    {
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await channel.PublishAsync("", "q", Message.Text("m"));
        bool got = false;
        scenario.Thread("getter", () => scenario.TryDo(async () => got = await channel.GetAsync("q", autoAck: true) is not null));
        scenario.Thread("closer", () => scenario.Do(channel.CloseAsync()));
        scenario.Check = async () => Assert.Equal(got ? [] : ["m"], await scenario.DrainAsync("q"));
    });

    [Fact]
    public Task BlockedPublishers_BesideConsumer_AllGoOn() => ExploreAsync(static async scenario =>
    {
        IChannel one = await scenario.OpenChannelAsync();
        IChannel two = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.MaxLength(1, Overflow.BlockPublisher));
        await one.PublishAsync("", "q", Message.Text("m0"));
        scenario.Thread("one", () => scenario.Publish(one, "q", "m1"));
        scenario.Thread("two", () => scenario.Publish(two, "q", "m2"));
        scenario.Thread("consumer", () =>
        {
            IConsumer consumer = scenario.Do(channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 }));
            for (int i = 0; i < 3; i++)
            {
                scenario.Do(channel.AckAsync(scenario.Read(consumer).DeliveryTag));
            }
        });
    });

    [Fact]
    public Task CancelOfWaitingPublish_BesideRoom_IsTakenOrWithdrawn() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.MaxLength(1, Overflow.BlockPublisher));
        await publisher.PublishAsync("", "q", Message.Text("m0"));
        CancellationTokenSource cancellation = new();
        bool? confirmed = null;
        scenario.Thread("publisher", () =>
        {
            try
            {
                confirmed = scenario.Do(publisher.TryPublishAsync("", "q", Message.Text("m1"), cancellationToken: cancellation.Token)).IsConfirmed;
            }
            catch (OperationCanceledException)
            {
                confirmed = false;
            }
        });
        scenario.Thread("canceller", cancellation.Cancel);
        scenario.Thread("consumer", () => scenario.Do(channel.GetAsync("q", autoAck: true)));
        scenario.Check = async () =>
        {
            IReadOnlyList<string> left = await scenario.DrainAsync("q");
            Assert.Equal(confirmed, left.Contains("m1"));
        };
    });

    [Fact]
    public Task DeleteOfQueue_BesideWaitingPublish_AnswersThePublisher() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.MaxLength(1, Overflow.BlockPublisher));
        await publisher.PublishAsync("", "q", Message.Text("m0"));
        scenario.Thread("publisher", () => scenario.Do(publisher.TryPublishAsync("", "q", Message.Text("m1"))));
        scenario.Thread("deleter", () => scenario.Do(channel.DeleteQueueAsync("q")));
    });

    [Fact]
    public Task DeleteOfQueue_BesidePublishAckAndNack_LeavesNothingBehind() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        await publisher.PublishAsync("", "q", Message.Text("m2"));
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 2 });
        ulong first = scenario.TryRead(consumer)!.Value.DeliveryTag;
        ulong second = scenario.TryRead(consumer)!.Value.DeliveryTag;
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m3"));
        scenario.Thread("settler", () =>
        {
            scenario.Do(channel.NackAsync(second));
            scenario.Do(channel.AckAsync(first));
        });
        scenario.Thread("deleter", () => scenario.Do(publisher.DeleteQueueAsync("q")));
        scenario.Check = async () =>
        {
            Assert.Equal(ConsumerEnd.QueueGone, await consumer.Ended);
            Assert.True(channel.IsOpen);
        };
    });

    [Fact]
    public Task Expiry_BesideGetAndPublish_EveryMessageEndsOnce() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("dead");
        await channel.DeclareQueueAsync("q", static q => q.WithMessageTtl(TimeSpan.FromMilliseconds(10)).DeadLetterTo("dead"));
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        List<string> got = [];
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m2"));
        scenario.Thread("clock", () => scenario.Time.Advance(TimeSpan.FromMilliseconds(10)));
        scenario.Thread("getter", () =>
        {
            if (scenario.Do(channel.GetAsync("q", autoAck: true)) is { } result)
            {
                got.Add(result.Delivery.Message.GetText());
            }
        });
        scenario.Check = async () =>
        {
            // A message published before the clock moved is due now at the latest; one published after it is due ten milliseconds later.
            scenario.Time.Advance(TimeSpan.FromMilliseconds(10));
            string[] ended = [.. got, .. await scenario.DrainAsync("dead")];
            Assert.Equal(["m1", "m2"], ended.Order());
        };
    });

    [Fact]
    public Task ExpiryOfQueue_BesideStartOfConsumer_OneOfThemWins() => ExploreAsync(static async scenario =>
    {
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.ExpiresAfter(TimeSpan.FromMilliseconds(10)));
        IConsumer? consumer = null;
        scenario.Thread("clock", () => scenario.Time.Advance(TimeSpan.FromMilliseconds(10)));
        scenario.Thread("starter", () => scenario.TryDo(async () => consumer = await channel.StartConsumerAsync("q")));
        scenario.Check = async () =>
        {
            bool exists = (await scenario.Broker.Management.ListQueuesAsync("/")).Count > 0;
            Assert.Equal(consumer is { Ended.IsCompleted: false }, exists);
        };
    });

    [Fact]
    public Task AutoDelete_LastConsumerLeavesBesideStartOfAnother_OneOfThemWins() => ExploreAsync(static async scenario =>
    {
        IChannel one = await scenario.OpenChannelAsync();
        IChannel two = await scenario.OpenChannelAsync();
        await one.DeclareQueueAsync("q", static q => q.AutoDelete());
        IConsumer first = await one.StartConsumerAsync("q");
        IConsumer? second = null;
        scenario.Thread("leaver", () => scenario.Do(first.CancelAsync()));
        scenario.Thread("starter", () => scenario.TryDo(async () => second = await two.StartConsumerAsync("q")));
        scenario.Check = async () =>
        {
            bool exists = (await scenario.Broker.Management.ListQueuesAsync("/")).Count > 0;
            Assert.Equal(second is { Ended.IsCompleted: false }, exists);
        };
    });

    [Fact]
    public Task SingleActiveConsumer_LeavesBesidePublish_NextOneTakesOver() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel one = await scenario.OpenChannelAsync();
        IChannel two = await scenario.OpenChannelAsync();
        await one.DeclareQueueAsync("q", static q => q.SingleActiveConsumer());
        await one.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
        IConsumer heir = await two.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
        scenario.Thread("publisher", () =>
        {
            scenario.Publish(publisher, "q", "m1");
            scenario.Publish(publisher, "q", "m2");
        });
        scenario.Thread("leaver", () => scenario.Do(one.CloseAsync()));
        scenario.Thread("heir", () => scenario.ReadAndAck(two, heir, "m1", "m2"));
    });

    [Fact]
    public Task DropHead_TwoPublishers_DeadKeepTheOrderOfTheQueue() => ExploreAsync(static async scenario =>
    {
        IChannel one = await scenario.OpenChannelAsync();
        IChannel two = await scenario.OpenChannelAsync();
        await one.DeclareQueueAsync("dead");
        await one.DeclareQueueAsync("q", static q => q.MaxLength(1).DeadLetterTo("dead"));
        scenario.Thread("one", () =>
        {
            scenario.Publish(one, "q", "a1");
            scenario.Publish(one, "q", "a2");
        });
        scenario.Thread("two", () =>
        {
            scenario.Publish(two, "q", "b1");
            scenario.Publish(two, "q", "b2");
        });
        scenario.Check = async () =>
        {
            string[] order = [.. await scenario.DrainAsync("dead"), .. await scenario.DrainAsync("q")];
            Assert.Equal(["a1", "a2"], order.Where(static text => text[0] == 'a'));
            Assert.Equal(["b1", "b2"], order.Where(static text => text[0] == 'b'));
        };
    });

    [Fact]
    public Task CloseOfConnection_BesidePublishToItsExclusiveQueue_LeavesNoQueueBehind() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel owner = await scenario.OpenChannelAsync();
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m"));
        scenario.Thread("owner", () => scenario.TryDo(async () => await owner.DeclareQueueAsync("q", static q => q.Exclusive())));
        scenario.Thread("closer", () => scenario.Do(owner.Connection.CloseAsync()));
        scenario.Check = async () => Assert.Empty(await scenario.Broker.Management.ListQueuesAsync("/"));
    });

    [Fact]
    public Task Commit_BesideCloseOfItsChannel_IsDoneOrNotDone() => ExploreAsync(static async scenario =>
    {
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await channel.PublishAsync("", "q", Message.Text("in"));
        IChannel transactional = await channel.Connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional });
        GetResult got = (await transactional.GetAsync("q"))!;
        await transactional.AckAsync(got.Delivery.DeliveryTag);
        await transactional.PublishAsync("", "q", Message.Text("out"));
        bool committed = false;
        scenario.Thread("committer", () => committed = scenario.TryDo(() => transactional.CommitTransactionAsync()));
        scenario.Thread("closer", () => scenario.Do(transactional.CloseAsync()));
        scenario.Check = async () =>
        {
            IReadOnlyList<string> left = await scenario.DrainAsync("q");
            Assert.True(committed ? left is ["out"] : left is ["in"] or ["out"], $"committed: {committed}, left: {string.Join(", ", left)}");
        };
    });

    [Fact]
    public Task Rollback_BesideCloseOfItsChannel_PutsTheDeliveryBack() => ExploreAsync(static async scenario =>
    {
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await channel.PublishAsync("", "q", Message.Text("in"));
        IChannel transactional = await channel.Connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional });
        GetResult got = (await transactional.GetAsync("q"))!;
        await transactional.AckAsync(got.Delivery.DeliveryTag);
        scenario.Thread("roller", () => scenario.TryDo(() => transactional.RollbackTransactionAsync()));
        scenario.Thread("closer", () => scenario.Do(transactional.CloseAsync()));
        scenario.Check = async () => Assert.Equal(["in"], await scenario.DrainAsync("q"));
    });

    [Fact]
    public Task Purge_BesideRequeueAndPublish_CountsEachMessageOnce() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        GetResult got = (await channel.GetAsync("q"))!;
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m2"));
        scenario.Thread("requeuer", () => scenario.Do(channel.NackAsync(got.Delivery.DeliveryTag)));
        scenario.Thread("purger", () => scenario.Do(channel.PurgeQueueAsync("q")));
    });

    [Fact]
    public Task MemoryWatermark_PublisherBesideConsumer_GoesOn() => ExploreAsync(
        static async scenario =>
        {
            IChannel publisher = await scenario.OpenChannelAsync();
            IChannel channel = await scenario.OpenChannelAsync();
            await channel.DeclareQueueAsync("q");
            IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
            scenario.Thread("publisher", () =>
            {
                foreach (string text in new[] { "m1", "m2", "m3" })
                {
                    scenario.Publish(publisher, "q", text);
                }
            });
            scenario.Thread("consumer", () => scenario.ReadAndAck(channel, consumer, "m1", "m2", "m3"));
        },
        static options => options.MemoryHighWatermarkBytes = 200);

    [Fact]
    public Task Close_BesideWaitingPublishOfTheChannel_AnswersThePublisher() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.MaxLength(1, Overflow.BlockPublisher));
        await channel.PublishAsync("", "q", Message.Text("m0"));
        bool confirmed = false;
        scenario.Thread("publisher", () => scenario.TryDo(async () => confirmed = (await publisher.TryPublishAsync("", "q", Message.Text("m1"))).IsConfirmed));
        scenario.Thread("closer", () => scenario.Do(publisher.CloseAsync()));
        scenario.Thread("consumer", () => scenario.Do(channel.GetAsync("q", autoAck: true)));
        scenario.Check = async () =>
        {
            // Without a confirm the outcome is unknown; with one the message is there.
            IReadOnlyList<string> left = await scenario.DrainAsync("q");
            Assert.True(!confirmed || left.Contains("m1"));
        };
    });

    [Fact]
    public Task Reject_BesideDeleteOfTheDeadLetterQueue_CountsTheMessageOnce() => ExploreAsync(static async scenario =>
    {
        IChannel channel = await scenario.OpenChannelAsync();
        IChannel deleter = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("dead");
        await channel.DeclareQueueAsync("q", static q => q.DeadLetterTo("dead"));
        await channel.PublishAsync("", "q", Message.Text("m"));
        GetResult got = (await channel.GetAsync("q"))!;
        scenario.Thread("rejecter", () => scenario.Do(channel.RejectAsync(got.Delivery.DeliveryTag)));
        scenario.Thread("deleter", () => scenario.Do(deleter.DeleteQueueAsync("dead")));
        scenario.Check = async () =>
        {
            QueueDescription queue = await scenario.DescribeAsync("q");
            Assert.Equal(1, queue.DeadLetteredTotal + queue.DroppedTotal);
        };
    });

    [Fact]
    public Task Policy_SetBesidePublishes_LimitHoldsAfterwards() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        await publisher.DeclareQueueAsync("q");
        scenario.Thread("publisher", () =>
        {
            scenario.Publish(publisher, "q", "m1");
            scenario.Publish(publisher, "q", "m2");
        });
        scenario.Thread("operator", () => scenario.Do(scenario.Broker.Management.SetPolicyAsync("/", new Policy("cap", "q", HeaderTable.Of("max-length", 1)))));
        scenario.Check = async () => Assert.Equal(["m2"], await scenario.DrainAsync("q"));
    });

    [Fact]
    public Task Recover_BesideAckAndPublish_DeliversEverythingAgainOnce() => ExploreAsync(static async scenario =>
    {
        IChannel publisher = await scenario.OpenChannelAsync();
        IChannel channel = await scenario.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await publisher.PublishAsync("", "q", Message.Text("m1"));
        GetResult got = (await channel.GetAsync("q"))!;
        bool acked = false;
        scenario.Thread("publisher", () => scenario.Publish(publisher, "q", "m2"));
        scenario.Thread("recoverer", () => scenario.TryDo(() => channel.RecoverAsync()));
        scenario.Thread("acker", () => acked = scenario.TryDo(() => channel.AckAsync(got.Delivery.DeliveryTag)));
        scenario.Check = async () => Assert.Equal(acked ? ["m2"] : ["m1", "m2"], await scenario.DrainAsync("q"));
    });
}
