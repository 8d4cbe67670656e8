using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage;

public sealed class RestartTests
{
    private static readonly MessageProperties Rich = new()
    {
        DeliveryMode = DeliveryMode.Persistent,
        ContentType = "application/json",
        CorrelationId = "c",
        MessageId = "m",
        Priority = 3,
        Timestamp = DateTimeOffset.FromUnixTimeSeconds(1_900_000_000),
        Headers = HeaderTable.Of("list", new object?[] { 1, "two", null, HeaderTable.Of("x", 1.5) }),
    };

    [Fact]
    public async Task PersistentMessage_AfterRestart_IsThereWithAllItHad()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareExchangeAsync("orders", ExchangeType.Topic, static e => e.Durable());
        await channel.DeclareQueueAsync("billing", static q => q.Durable());
        await channel.BindQueueAsync("billing", "orders", "order.#");
        await channel.PublishAsync("orders", "order.eu", new Message("body"u8.ToArray(), Rich));

        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        GetResult? got = await channel.GetAsync("billing");
        Assert.NotNull(got);
        Assert.Equal("body", got.Delivery.Message.GetText());
        Assert.Equal(Rich, got.Delivery.Message.Properties);
        Assert.Equal("orders", got.Delivery.Exchange);
        Assert.Equal("order.eu", got.Delivery.RoutingKey);
        Assert.False(got.Delivery.Redelivered);
        Assert.Equal(0u, got.RemainingCount);
    }

    [Fact]
    public async Task Names_AfterRestart_AreThoseThatAreDurable()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        await stored.Broker.Management.CreateVirtualHostAsync("other");
        await stored.Broker.Management.SetPolicyAsync("/", new Policy("ttl", "^q", HeaderTable.Of("message-ttl", 1000)));
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareExchangeAsync("kept", ExchangeType.Fanout, static e => e.Durable());
        await channel.DeclareExchangeAsync("lost", ExchangeType.Fanout);
        await channel.DeclareExchangeAsync("deleted", ExchangeType.Fanout, static e => e.Durable());
        await channel.DeclareQueueAsync("q-kept", static q => q.Durable().WithMaxPriority(5));
        await channel.DeclareQueueAsync("q-lost");
        await channel.DeclareQueueAsync("q-deleted", static q => q.Durable());
        await channel.BindQueueAsync("q-kept", "kept", "k");
        await channel.BindQueueAsync("q-kept", "amq.topic", "#");
        await channel.BindQueueAsync("q-kept", "kept", "undone");
        await channel.UnbindQueueAsync("q-kept", "kept", "undone");
        await channel.BindExchangeAsync("kept", "amq.direct", "e");
        await channel.DeleteExchangeAsync("deleted");
        await channel.DeleteQueueAsync("q-deleted");

        for (int restart = 0; restart < 3; restart++)
        {
            await stored.RestartAsync();
            IBrokerManagement management = stored.Broker.Management;
            Assert.Equal(["/", "other"], await management.ListVirtualHostsAsync());
            Assert.Equal(["kept"], (await management.ListExchangesAsync("/")).Select(static e => e.Name).Where(static name => name.Length > 0 && !name.StartsWith("amq.", StringComparison.Ordinal)));
            QueueDescription queue = Assert.Single(await management.ListQueuesAsync("/"));
            Assert.Equal("q-kept", queue.Name);
            Assert.Equal("ttl", queue.Policy);
            Assert.Equal(
                ["amq.direct->kept:e", "amq.topic->q-kept:#", "kept->q-kept:k"],
                (await management.ListBindingsAsync("/")).Where(static b => b.Source.Length > 0).Select(static b => $"{b.Source}->{b.Destination}:{b.RoutingKey}"));
        }
    }

    [Fact]
    public async Task TransientMessageAndNonDurableQueue_AfterRestart_AreGone()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        await channel.DeclareQueueAsync("memory");
        await channel.PublishAsync("", "q", Message.Text("transient"));
        await channel.PublishAsync("", "q", Message.Text("kept", MessageProperties.Persistent));
        await channel.PublishAsync("", "memory", Message.Text("lost", MessageProperties.Persistent));

        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        Assert.Equal("kept", (await channel.GetAsync("q"))?.Delivery.Message.GetText());
        Assert.Null(await channel.GetAsync("q"));
        Assert.DoesNotContain(await stored.Broker.Management.ListQueuesAsync("/"), static queue => queue.Name == "memory");
    }

    [Fact]
    public async Task SettledMessages_AfterRestart_StayAway()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("dead", static q => q.Durable());
        await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
        for (int i = 0; i < 6; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i}", MessageProperties.Persistent));
        }

        Delivery first = (await channel.GetAsync("q"))!.Delivery;
        Delivery second = (await channel.GetAsync("q"))!.Delivery;
        Delivery third = (await channel.GetAsync("q"))!.Delivery;
        _ = await channel.GetAsync("q"); // unsettled when the broker stops
        await channel.AckAsync(first.DeliveryTag);
        await channel.RejectAsync(second.DeliveryTag);
        await channel.NackAsync(third.DeliveryTag);

        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        Assert.Equal(["2*", "3*", "4", "5"], await DrainAsync(channel, "q"));
        Delivery dead = (await channel.GetAsync("dead"))!.Delivery;
        Assert.Equal("1", dead.Message.GetText());
        Assert.Equal(DeathReason.Rejected, dead.Deaths[0].Reason);
        Assert.Null(await channel.GetAsync("dead"));
    }

    [Fact]
    public async Task MessagesOnDiskOnly_PurgedThere_StayAwayAndSoDoThoseAcknowledgedAfterThat()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("other", static q => q.Durable());
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        await channel.PublishAsync("", "other", Message.Text("stays", MessageProperties.Persistent)); // so that the records of the others stay too
        for (int i = 0; i < 2_000; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i}", MessageProperties.Persistent), PublishFlags.ConfirmInMemory);
        }

        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal(2_000u, await channel.PurgeQueueAsync("q"));
        await channel.PublishAsync("", "q", Message.Text("late", MessageProperties.Persistent));
        Assert.Equal("late", (await channel.GetAsync("q", autoAck: true))?.Delivery.Message.GetText());

        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        Assert.Empty(await DrainAsync(channel, "q"));
        Assert.Equal(["stays"], await DrainAsync(channel, "other"));
    }

    [Fact]
    public async Task QueueInMemoryThatWasPutOnDisk_DeadLettersAndCommits_LikeAnyOther()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options => options.BacklogMemoryBytes = 256 << 10);
        IChannel channel = await stored.OpenChannelAsync();
        IChannel transactional = await stored.OpenChannelAsync(ChannelMode.Transactional);
        await channel.DeclareQueueAsync("dead", static q => q.Durable());
        await channel.DeclareQueueAsync("memory", static q => q.DeadLetterTo("dead"));
        string filler = new('x', 2_000);
        const int Count = 1_000;
        for (int i = 0; i < Count; i++)
        {
            await channel.PublishAsync("", "memory", Message.Text($"{i} {filler}", MessageProperties.Persistent));
        }

        for (int i = 0; i < Count; i++)
        {
            Delivery delivery = (await transactional.GetAsync("memory"))!.Delivery;
            await (i % 2 == 0 ? transactional.AckAsync(delivery.DeliveryTag) : transactional.RejectAsync(delivery.DeliveryTag));
            await transactional.CommitTransactionAsync();
        }

        Assert.Equal(Count / 2u, (await channel.DeclareQueuePassiveAsync("dead")).MessageCount);
        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal(Enumerable.Range(0, Count / 2).Select(i => $"{(2 * i) + 1} {filler}"), await DrainAsync(channel, "dead"));
    }

    [Fact]
    public async Task Expiry_GoesOnWhileStopped()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("dead", static q => q.Durable());
        await channel.DeclareQueueAsync("q", static q => q.Durable().WithMessageTtl(TimeSpan.FromSeconds(10)).DeadLetterTo("dead"));
        await channel.PublishAsync("", "q", Message.Text("early", MessageProperties.Persistent));
        stored.Time.Advance(TimeSpan.FromSeconds(6));
        await channel.PublishAsync("", "q", Message.Text("late", MessageProperties.Persistent));

        await stored.StopAsync();
        stored.Time.Advance(TimeSpan.FromSeconds(5));
        await stored.StartAgainAsync();

        channel = await stored.OpenChannelAsync();
        IAsyncEnumerator<Delivery> dead = channel.ConsumeAsync("dead").GetAsyncEnumerator(); // it comes when its queue has read its first page
        Assert.True(await BrokerFixture.WithinPatienceAsync(dead.MoveNextAsync(), "the expired message"));
        Assert.Equal("early", dead.Current.Message.GetText());
        Assert.Equal(DeathReason.Expired, dead.Current.Deaths[0].Reason);
        await dead.DisposeAsync();
        stored.Time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal("late", (await channel.GetAsync("q"))?.Delivery.Message.GetText());
    }

    [Fact]
    public async Task Expiry_OfAMessageThatWaitedForRoom_CountsFromWhenItCameIn()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await DeclareWithRoomForAsync(channel, 1);
        await channel.PublishAsync("", "q", Message.Text("first", MessageProperties.Persistent));
        Task waiting = channel.PublishAsync("", "q", Message.Text("second", MessageProperties.Persistent)).AsTask();
        stored.Time.Advance(TimeSpan.FromMinutes(500));
        Assert.Equal("first", (await channel.GetAsync("q", autoAck: true))?.Delivery.Message.GetText());
        await waiting.WithinPatienceAsync("the confirm");

        await stored.RestartAsync();
        stored.Time.Advance(TimeSpan.FromMinutes(300));
        await stored.RestartAsync();
        stored.Time.Advance(TimeSpan.FromMinutes(200));

        channel = await stored.OpenChannelAsync();
        Delivery second = (await channel.GetAsync("q"))!.Delivery;
        Assert.Equal("second", second.Message.GetText());
        await channel.NackAsync(second.DeliveryTag);
        stored.Time.Advance(TimeSpan.FromMinutes(101));
        Assert.Null(await channel.GetAsync("q"));
    }

    [Fact]
    public async Task Expiry_OfAMessageThatWaitedForRoomAndWentToDisk_CountsFromWhenItCameIn()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options => options.BacklogMemoryBytes = 1);
        IChannel channel = await stored.OpenChannelAsync();
        await DeclareWithRoomForAsync(channel, 2);
        for (int i = 0; i < 2; i++)
        {
            await channel.PublishAsync("", "q", Long($"{i}"));
        }

        Task waiting = channel.PublishAsync("", "q", Long("2")).AsTask();
        stored.Time.Advance(TimeSpan.FromMinutes(500));
        Delivery held = (await channel.GetAsync("q"))!.Delivery;
        await waiting.WithinPatienceAsync("the confirm");
        await Patiently.YieldUntilAsync(
            async () => Assert.Single(await stored.Broker.Management.ListQueuesAsync("/")).AwayCount > 0, "the last message on disk", () => stored.Time.Advance(TimeSpan.FromMilliseconds(1)));
        stored.Time.Advance(TimeSpan.FromMinutes(500));

        Assert.Equal("2", (await channel.GetAsync("q"))?.Delivery.Message.Properties.MessageId);
        await channel.AckAsync(held.DeliveryTag);

        static Message Long(string id) => new(new byte[50_000], MessageProperties.Persistent with { MessageId = id });
    }

    private static async Task DeclareWithRoomForAsync(IChannel channel, int count)
        => await channel.DeclareQueueAsync("q", q => q.Durable().WithMessageTtl(TimeSpan.FromMinutes(600)).MaxLength(count, Overflow.BlockPublisher));

    [Fact]
    public async Task Transaction_Committed_IsThereWhole()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync(ChannelMode.Transactional);
        await channel.DeclareQueueAsync("in", static q => q.Durable());
        await channel.DeclareQueueAsync("out", static q => q.Durable());
        await channel.PublishAsync("", "in", Message.Text("work", MessageProperties.Persistent));
        await channel.CommitTransactionAsync();
        GetResult? work = await channel.GetAsync("in");
        await channel.AckAsync(work!.Delivery.DeliveryTag);
        await channel.PublishAsync("", "out", Message.Text("done 1", MessageProperties.Persistent));
        await channel.PublishAsync("", "out", Message.Text("done 2", MessageProperties.Persistent));
        await channel.CommitTransactionAsync();
        await channel.PublishAsync("", "out", Message.Text("never", MessageProperties.Persistent));

        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        Assert.Equal([], await DrainAsync(channel, "in"));
        Assert.Equal(["done 1", "done 2"], await DrainAsync(channel, "out"));
    }

    [Fact]
    public async Task LargeBody_AfterRestart_IsWhole()
    {
        byte[] body = new byte[5_000_000];
        new Random(1).NextBytes(body);
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        await channel.PublishAsync("", "q", new Message(body, MessageProperties.Persistent));

        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        GetResult? got = await channel.GetAsync("q");
        Assert.True(got!.Delivery.Message.Body.Span.SequenceEqual(body));
    }

    [Fact]
    public async Task DelayedMessage_AfterRestart_ComesWhenItWasDue()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareExchangeAsync("later", ExchangeType.Delayed, static e => e.Durable().WithArgument("x-delayed-type", ExchangeType.Fanout));
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        await channel.BindQueueAsync("q", "later", "");
        await channel.PublishAsync("later", "", Message.Text("in 10 s", MessageProperties.Persistent.WithHeader("x-delay", 10_000)));
        stored.Time.Advance(TimeSpan.FromSeconds(4));

        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        stored.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Null(await channel.GetAsync("q"));
        stored.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("in 10 s", (await channel.GetAsync("q"))?.Delivery.Message.GetText());

        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        Assert.Equal(["in 10 s*"], await DrainAsync(channel, "q")); // it went back when the first connection closed
    }

    // The texts of all ready messages, with a star for those redelivered.
    [Fact]
    public async Task WhatExpiredWhileStopped_AfterRestart_DiesBehindWhatWasDeadBefore()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("dying", static q => q.Durable().WithMessageTtl(TimeSpan.FromSeconds(1)).DeadLetterTo("dead"));
        await channel.DeclareQueueAsync("dead", static q => q.Durable());
        List<string> expected = [.. Enumerable.Range(0, 3_000).Select(static i => $"{i}"), "late"];
        foreach (string text in expected)
        {
            await channel.PublishAsync("", text == "late" ? "dying" : "dead", Message.Text(text, MessageProperties.Persistent), PublishFlags.ConfirmInMemory);
        }

        await stored.StopAsync();
        stored.Time.Advance(TimeSpan.FromSeconds(2));
        await stored.StartAgainAsync();

        channel = await stored.OpenChannelAsync();
        Assert.Null(await channel.GetAsync("dying"));
        Assert.Equal(expected, await DrainAsync(channel, "dead"));
    }

    private static async Task<List<string>> DrainAsync(IChannel channel, string queue)
    {
        List<string> texts = [];
        while (await channel.GetAsync(queue, autoAck: true) is { } got)
        {
            texts.Add(got.Delivery.Message.GetText() + (got.Delivery.Redelivered ? "*" : ""));
        }

        return texts;
    }
}
