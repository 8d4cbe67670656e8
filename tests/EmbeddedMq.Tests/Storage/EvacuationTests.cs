using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage;

public sealed class EvacuationTests
{
    private const int JournalBytes = 2 << 20;

    [Fact]
    public async Task StuckBacklog_BesideChurn_KeepsTheJournalShortAndItsOrder()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("stuck", static q => q.Durable().WithMaxPriority(2));
        await channel.DeclareQueueAsync("busy", static q => q.Durable());
        Random random = new(7);
        int next = 0;
        List<string>[] expected = [[], [], []];
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < 200; i++, next++)
            {
                byte priority = (byte)random.Next(3);
                string text = $"{next} {new string('x', random.Next(400))}";
                expected[priority].Add(text);
                await PublishAsync(channel, "stuck", text, priority);
                await PublishAsync(channel, "busy", $"{next} {new string('y', 300)}", null);
                GetResult? busy = await channel.GetAsync("busy", autoAck: true);
                Assert.StartsWith($"{next} ", busy!.Delivery.Message.GetText(), StringComparison.Ordinal);
            }

            await stored.Broker.KeepStoreShortAsync();
            await stored.Broker.KeepStoreShortAsync();
            IAppendLog hot = stored.Broker.Journal.Hot;
            Assert.True(hot.TailAddress - hot.BeginAddress < JournalBytes + (1 << 20), $"Round {round}: {hot.TailAddress - hot.BeginAddress} bytes in the hot log.");
        }

        string[] all = [.. expected.Reverse().SelectMany(static level => level)];
        IReadOnlyList<string> some = await TakeAsync(channel, 500);
        Assert.Equal(all[..500], some);
        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        Assert.Equal((uint)(all.Length - 500), (await channel.DeclareQueuePassiveAsync("stuck")).MessageCount);
        Assert.Equal(all[500..], await TakeAsync(channel, int.MaxValue));
        await stored.Broker.KeepStoreShortAsync();
        await stored.RestartAsync();
        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal(0u, (await channel.DeclareQueuePassiveAsync("stuck")).MessageCount);
        IAppendLog cold = stored.Broker.Journal.Cold;
        Assert.True(cold.Segments.Count <= 2, $"{cold.Segments.Count} cold segments hold nothing.");
    }

    [Fact]
    public async Task UnackedAndDelayedMessages_InAnOldSegment_MoveAndComeBack()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("old", static q => q.Durable());
        await channel.DeclareQueueAsync("busy", static q => q.Durable());
        await channel.DeclareExchangeAsync("later", ExchangeType.Delayed, static e => e.Durable().WithArgument("x-delayed-type", ExchangeType.Fanout));
        await channel.BindQueueAsync("old", "later", "");
        await channel.PublishAsync("later", "", Message.Text("delayed", MessageProperties.Persistent.WithHeader("x-delay", 60_000)));
        for (int i = 0; i < 4; i++)
        {
            await PublishAsync(channel, "old", $"{i}", null);
        }

        Delivery first = (await channel.GetAsync("old"))!.Delivery;
        Delivery second = (await channel.GetAsync("old"))!.Delivery;
        long begin = stored.Broker.Journal.Hot.BeginAddress;
        for (int i = 0; i < 12_000; i++)
        {
            await PublishAsync(channel, "busy", new string('y', 400), null);
            await channel.GetAsync("busy", autoAck: true);
            if (i % 1_000 == 0)
            {
                await stored.Broker.KeepStoreShortAsync();
            }
        }

        Assert.True(stored.Broker.Journal.Hot.BeginAddress > begin, "Nothing was released.");
        await channel.AckAsync(first.DeliveryTag);
        await channel.NackAsync(second.DeliveryTag);
        stored.Time.Advance(TimeSpan.FromSeconds(20));
        await stored.RestartAsync();

        channel = await stored.OpenChannelAsync();
        List<string> texts = [];
        while (await channel.GetAsync("old", autoAck: true) is { } got)
        {
            texts.Add(got.Delivery.Message.GetText() + (got.Delivery.Redelivered ? "*" : ""));
        }

        Assert.Equal(["1*", "2", "3"], texts);
        stored.Time.Advance(TimeSpan.FromSeconds(39));
        Assert.Null(await channel.GetAsync("old"));
        stored.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("delayed", (await channel.GetAsync("old"))?.Delivery.Message.GetText());
    }

    [Fact]
    public async Task UnackedMessagesOfADeletedQueue_InAnOldSegment_KeepNothing()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("deleted", static q => q.Durable().WithMaxPriority(1));
        await PublishAsync(channel, "deleted", "low", 0);
        await PublishAsync(channel, "deleted", "high", 1);
        Delivery high = (await channel.GetAsync("deleted"))!.Delivery;
        Delivery low = (await channel.GetAsync("deleted"))!.Delivery;
        await channel.DeleteQueueAsync("deleted");

        Assert.Equal(0, stored.Broker.Storage!.JournalMessages);
        await channel.AckAsync(low.DeliveryTag);
        await channel.NackAsync(high.DeliveryTag);
        Assert.Equal(0, stored.Broker.Storage!.JournalMessages);
        await stored.RestartAsync();
        Assert.Equal(0, stored.Broker.Storage!.JournalMessages);
    }

    [Fact]
    public async Task DelayedMessagesOfADeletedVirtualHost_InAnOldSegment_KeepNothing()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        await stored.Broker.Management.CreateVirtualHostAsync("deleted");
        await using IConnection connection = await stored.Broker.ConnectAsync(new ConnectionOptions { VirtualHost = "deleted" });
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
        await channel.DeclareExchangeAsync("later", ExchangeType.Delayed, static e => e.Durable().WithArgument("x-delayed-type", ExchangeType.Fanout));
        await channel.PublishAsync("later", "", Message.Text("delayed", MessageProperties.Persistent.WithHeader("x-delay", 60_000)));
        Assert.Equal(1, stored.Broker.Storage!.JournalMessages);

        await stored.Broker.Management.DeleteVirtualHostAsync("deleted");
        stored.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(0, stored.Broker.Storage!.JournalMessages);
        stored.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0, stored.Broker.Storage!.JournalMessages);
    }

    [Theory]
    [InlineData(256L << 20)] // in memory
    [InlineData(256L << 10)] // on disk
    public async Task MessagesWithLongHeaders_InAnOldSegment_MoveInBlocksThatFit(long memoryBytes)
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(options =>
        {
            MakeSmall(options);
            options.BacklogMemoryBytes = memoryBytes;
        });
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("stuck", static q => q.Durable());
        List<string> texts = [.. Enumerable.Range(0, 5_000).Select(static i => $"{i}")];
        foreach (string text in texts)
        {
            Message message = Message.Text(text, MessageProperties.Persistent.WithHeader("h", text + new string('h', 2_000)));
            await channel.PublishAsync("", "stuck", message, PublishFlags.ConfirmInMemory);
        }

        await stored.Broker.KeepStoreShortAsync();
        await stored.Broker.KeepStoreShortAsync();

        IAppendLog hot = stored.Broker.Journal.Hot;
        Assert.True(hot.TailAddress - hot.BeginAddress < JournalBytes + (1 << 20), $"{hot.TailAddress - hot.BeginAddress} bytes in the hot log.");
        await stored.RestartAsync();
        Assert.Equal(texts, await TakeAsync(await stored.OpenChannelAsync(), int.MaxValue));
    }

    private static void MakeSmall(BrokerOptions options)
    {
        options.BacklogMemoryBytes = 256 << 10;
        options.Storage.JournalBytes = JournalBytes;
        options.Storage.Durability = Durability.OsBuffered;
        options.Storage.OpenJournal = static async (journal, time, _) => await FasterJournal.OpenAsync(
            new JournalOptions
            {
                Directory = journal.Directory,
                Hot = new LogSizes { PageBytes = 64 << 10, MemoryBytes = 512 << 10, SegmentBytes = 256 << 10 },
                Cold = new LogSizes { PageBytes = 4 << 20, MemoryBytes = 8 << 20, SegmentBytes = 4 << 20 },
                MaxUncommittedBytes = 128 << 10,
                FreeSpaceWatermarkBytes = 0,
                BallastBytes = 0,
            },
            new OsFiles(),
            time);
    }

    private static async Task PublishAsync(IChannel channel, string queue, string text, byte? priority)
        => await channel.PublishAsync("", queue, Message.Text(text, new MessageProperties { DeliveryMode = DeliveryMode.Persistent, Priority = priority }), PublishFlags.ConfirmInMemory);

    private static async Task<IReadOnlyList<string>> TakeAsync(IChannel channel, int count)
    {
        List<string> texts = [];
        while (texts.Count < count && await channel.GetAsync("stuck", autoAck: true) is { } got)
        {
            texts.Add(got.Delivery.Message.GetText());
        }

        return texts;
    }
}
