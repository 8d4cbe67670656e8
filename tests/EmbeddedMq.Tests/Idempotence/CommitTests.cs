using EmbeddedMq.Channels;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Idempotence;

/// <summary>Acknowledgements, publishes and receipts in one commit on an ordinary channel.</summary>
public sealed class CommitTests
{
    private static readonly Receipt Done = new(ReceiptKey.Of("q", "a"), 7, 1, 1_900_000_000_000);

    [Fact]
    public async Task Commit_OfAllThree_IsThereAfterARestart()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        Channel channel = await OpenAsync(stored);
        ulong tag = await GetOneAsync(channel);

        await channel.CommitAsync(new[] { tag }, [To("out", "one"), To("out", "two"), To("transient", "three", persistent: false)], [Done]);

        Assert.Equal(["one", "two"], await ReadyAsync(channel, "out"));
        Assert.Equal(["three"], await ReadyAsync(channel, "transient"));
        await stored.RestartAsync();
        channel = await OpenAsync(stored);
        Assert.Null(await channel.GetAsync("q"));
        Assert.Equal(["one", "two"], await ReadyAsync(channel, "out"));
        Assert.True(stored.Broker.Store.Receipts.TryFind(Done.Key, out Receipt found));
        Assert.Equal(Done, found);
    }

    [Fact]
    public async Task Commit_OfMoreThanARecord_IsWhole()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        Channel channel = await OpenAsync(stored);
        ulong tag = await GetOneAsync(channel);
        OutboxMessage[] large = [.. Enumerable.Range(0, 8).Select(static i => To("out", new string((char)('a' + i), 900_000)))];

        await channel.CommitAsync(new[] { tag }, large, [Done]);
        await stored.RestartAsync();

        channel = await OpenAsync(stored);
        Assert.Null(await channel.GetAsync("q"));
        Assert.Equal("abcdefgh", string.Concat((await ReadyAsync(channel, "out")).Select(static text => text[0])));
        Assert.True(stored.Broker.Store.Receipts.TryFind(Done.Key, out _));
    }

    [Fact]
    public async Task Commit_ThatCannotBeRouted_LeavesEverythingAsItWas()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        Channel channel = await OpenAsync(stored);
        await channel.DeclareQueueAsync("full", static q => q.Durable().MaxLength(1, Overflow.RejectPublish));
        await channel.PublishAsync("", "full", Message.Text("in the way", MessageProperties.Persistent));
        ulong tag = await GetOneAsync(channel);

        PublishException nowhere = await Assert.ThrowsAsync<PublishException>(() => channel.CommitAsync(new[] { tag }, [To("out", "one"), To("nowhere", "two")], [Done]).AsTask());
        PublishException full = await Assert.ThrowsAsync<PublishException>(() => channel.CommitAsync(new[] { tag }, [To("out", "one"), To("full", "two")], [Done]).AsTask());
        ChannelException unknown = await Assert.ThrowsAsync<ChannelException>(
            () => channel.CommitAsync(new[] { tag }, [To("out", "one") with { Exchange = "unknown" }], [Done]).AsTask());

        Assert.Equal(PublishOutcome.Returned, nowhere.Result.Outcome);
        Assert.Equal(RejectReason.QueueFull, full.Result.RejectReason);
        Assert.Equal(ReplyCode.NotFound, unknown.ReplyCode);
        Assert.True(channel.IsOpen);
        Assert.Empty(await ReadyAsync(channel, "out"));
        Assert.False(stored.Broker.Store.Receipts.TryFind(Done.Key, out _));
        await channel.CommitAsync(new[] { tag }, [To("nowhere", "two") with { Mandatory = false }], [Done]);
        Assert.Null(await channel.GetAsync("q"));
    }

    [Fact]
    public async Task Commit_OfADeliveryThatIsSettled_DoesTheRest()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        Channel channel = await OpenAsync(stored);
        ulong tag = await GetOneAsync(channel);
        await channel.AckAsync(tag);

        await channel.CommitAsync(new[] { tag }, [To("out", "one")], [Done]);

        Assert.True(channel.IsOpen);
        Assert.Equal(["one"], await ReadyAsync(channel, "out"));
    }

    [Fact]
    public async Task Commits_ManyAtOnceOnOneChannel_AreAllThereOnce()
    {
        const int Count = 500;
        await using StoredBroker stored = await StoredBroker.StartAsync();
        Channel channel = await OpenAsync(stored);
        for (int i = 0; i < Count; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i}", MessageProperties.Persistent));
        }

        List<Task> commits = [];
        for (int i = 0; i < Count; i++)
        {
            ulong tag = (await channel.GetAsync("q"))!.Delivery.DeliveryTag;
            commits.Add(channel.CommitAsync(new[] { tag }, [To("out", $"{i}")], [Done with { Key = (UInt128)i }]).AsTask());
        }

        await Task.WhenAll(commits);
        await stored.RestartAsync();

        channel = await OpenAsync(stored);
        Assert.Null(await channel.GetAsync("q"));
        Assert.Equal(Enumerable.Range(0, Count), (await ReadyAsync(channel, "out")).Select(int.Parse).Order());
        Assert.Equal(Count, stored.Broker.Store.Receipts.Count);
    }

    [Fact]
    public async Task Commit_OfAMessageThatMovedIntoABlock_AcknowledgesItThere()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options => options.Storage.JournalBytes = 1 << 20);
        Channel channel = await OpenAsync(stored);
        ulong tag = await GetOneAsync(channel);
        await channel.DeclareQueueAsync("busy", static q => q.Durable());
        Message filler = new(new byte[900_000], MessageProperties.Persistent);
        for (int i = 0; i < 150; i++)
        {
            await channel.PublishAsync("", "busy", filler);
            await channel.GetAsync("busy", autoAck: true);
        }

        await stored.Broker.KeepStoreShortAsync();
        Assert.True(stored.Broker.Journal.Cold.TailAddress > 100, "The message has not moved.");

        await channel.CommitAsync(new[] { tag }, [], [Done]);
        await stored.RestartAsync();

        channel = await OpenAsync(stored);
        Assert.Null(await channel.GetAsync("q"));
    }

    [Fact]
    public async Task Commit_WhileItsQueueIsDeleted_GivesUpItsClaims()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        Channel channel = await OpenAsync(stored);
        ulong tag = await GetOneAsync(channel);
        Task commit = channel.CommitAsync(new[] { tag }, [To("out", "one")], [Done]).AsTask();
        await channel.DeleteQueueAsync("out");
        await commit;

        Assert.Equal(0, stored.Broker.Storage!.JournalMessages);
    }

    [Fact]
    public async Task Commit_OfMoreThanItAcknowledges_WaitsForMemory()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options =>
        {
            options.MemoryHighWatermarkBytes = 100_000;
            options.BacklogStarted = static _ => { }; // nothing leaves memory by itself
        });
        Channel channel = await OpenAsync(stored);
        ulong first = await GetOneAsync(channel);
        ulong second = await GetOneAsync(channel);
        await channel.PublishAsync("", "q", new Message(new byte[200_000], MessageProperties.Persistent));
        Assert.True(stored.Broker.IsBlocked);

        Task one = channel.CommitAsync(new[] { first }, [To("out", "in its place")], [Done]).AsTask();
        Task two = channel.CommitAsync(new[] { second }, [To("out", "one"), To("out", "two")], [Done with { Key = 1 }]).AsTask();
        await one;
        Assert.Equal(["in its place"], await ReadyAsync(channel, "out"));
        Assert.False(two.IsCompleted);
        using CancellationTokenSource stop = new();
        Task cancelled = channel.CommitAsync(Array.Empty<ulong>(), [To("out", "never")], [], stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);

        await channel.GetAsync("q", autoAck: true);
        await two.WaitAsync(BrokerFixture.Patience);
        Assert.Equal(["one", "two"], await ReadyAsync(channel, "out"));
    }

    [Fact]
    public async Task Commit_OfMoreThanItAcknowledges_WaitsForAShorterJournal()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        Channel channel = await OpenAsync(stored);
        ulong first = await GetOneAsync(channel);
        ulong second = await GetOneAsync(channel);
        int waits = 0;
        JournalLimit limit = stored.Broker.Store.Limit;
        Action<bool> changed = limit.Changed;
        limit.Changed = isExceeded =>
        {
            waits += isExceeded ? 1 : 0;
            changed(isExceeded);
        };

        // Whoever keeps the journal short raises it again when he hears that somebody waits.
        limit.Raise(1);
        await channel.CommitAsync(Array.Empty<ulong>(), [To("transient", "in memory", persistent: false)], []);
        await channel.CommitAsync(new[] { first }, [To("out", "in its place")], [Done]);
        Assert.Equal(0, waits);
        await channel.CommitAsync(new[] { second }, [To("out", "one"), To("out", "two")], [Done with { Key = 1 }]).AsTask().WaitAsync(BrokerFixture.Patience);
        Assert.Equal(1, waits);
        limit.Raise(1);
        await stored.Broker.Outbox.AddAsync([To("elsewhere", "stored")]).AsTask().WaitAsync(BrokerFixture.Patience);
        Assert.Equal(2, waits);
        Assert.Equal(["in its place", "one", "two"], await ReadyAsync(channel, "out"));
    }

    [Fact]
    public async Task Commit_ThatWaitsWhileTheBrokerStops_Fails()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options =>
        {
            options.MemoryHighWatermarkBytes = 100_000;
            options.BacklogStarted = static _ => { };
        });
        Channel channel = await OpenAsync(stored);
        await channel.PublishAsync("", "q", new Message(new byte[200_000], MessageProperties.Persistent));
        Task waiting = channel.CommitAsync(Array.Empty<ulong>(), [To("out", "one")], [Done]).AsTask();
        Assert.False(waiting.IsCompleted);

        await stored.StopAsync();

        await Assert.ThrowsAsync<ConnectionException>(() => waiting.WaitAsync(BrokerFixture.Patience));
    }

    private static OutboxMessage To(string queue, string text, bool persistent = true) => new()
    {
        Id = text.Length < 100 ? text : text[..1],
        Exchange = "",
        RoutingKey = queue,
        Message = Message.Text(text, persistent ? MessageProperties.Persistent : MessageProperties.Empty),
    };

    private static async Task<Channel> OpenAsync(StoredBroker stored)
    {
        IChannel channel = await stored.OpenChannelAsync();
        foreach (string queue in (string[])["q", "out", "transient"])
        {
            await channel.DeclareQueueAsync(queue, static q => q.Durable());
        }

        return (Channel)channel;
    }

    private static async Task<ulong> GetOneAsync(Channel channel)
    {
        await channel.PublishAsync("", "q", Message.Text("a", MessageProperties.Persistent));
        return (await channel.GetAsync("q"))!.Delivery.DeliveryTag;
    }

    private static async Task<IReadOnlyList<string>> ReadyAsync(Channel channel, string queue)
    {
        List<string> texts = [];
        while (await channel.GetAsync(queue) is { } got)
        {
            texts.Add(got.Delivery.Message.GetText());
        }

        return texts;
    }
}
