using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage;

/// <summary>Messages whose headers grow with each death.</summary>
public sealed class LongHistoryTests
{
    private const int Hops = 60;
    private const int Queues = 5_000;

    [Fact]
    public async Task DeadLetter_OfManyQueuesWithLongKeys_IsNeverLost()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync();
        IChannel channel = await stored.OpenChannelAsync();
        for (int i = 0; i <= Hops; i++)
        {
            string name = $"q{i}";
            await channel.DeclareExchangeAsync($"to-{name}", ExchangeType.Fanout, static exchange => exchange.Durable());
            await channel.DeclareQueueAsync(name, queue => queue.Durable().DeadLetterTo($"to-q{i + 1}", null));
            await channel.BindQueueAsync(name, $"to-{name}", "");
        }

        object?[] copies = [.. Enumerable.Range(0, 480).Select(static i => (object?)$"{i:D255}")]; // all that fits into the headers
        MessageProperties properties = MessageProperties.Persistent.WithHeader("CC", copies);
        await channel.PublishAsync("to-q0", "key", new Message(new byte[1 << 20], properties));
        for (int i = 0; i < Hops; i++)
        {
            GetResult? got = await channel.GetAsync($"q{i}");
            Assert.True(got is not null, $"The message was lost by death {i}.");
            await channel.RejectAsync(got.Delivery.DeliveryTag, requeue: false);
        }

        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        GetResult? found = await channel.GetAsync($"q{Hops}");
        Assert.Equal(1 << 20, found!.Delivery.Body.Length);
        Assert.Equal(Hops, found.Delivery.Deaths.Count);
    }

    [Fact]
    public async Task Headers_ThatAreLongerInTheStore_AreNoLongerThanADeadLetterMayBe()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options => options.Limits.MaxHeaderBytes = BrokerLimits.MostStoredHeaderBytes);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("dead", static queue => queue.Durable());
        await channel.DeclareQueueAsync("q", static queue => queue.Durable().DeadLetterTo("dead"));
        object?[] decimals = [.. Enumerable.Repeat((object?)1.5m, 110_000)]; // 640 KiB on the wire, 1.8 MiB in the store
        MessageProperties properties = MessageProperties.Persistent.WithHeader("d", decimals) with { CorrelationId = new string('c', 700_000) };

        await Assert.ThrowsAsync<ChannelException>(async () => await channel.PublishAsync("", "q", new Message(new byte[1 << 20], properties)));

        // The longest that is taken.
        channel = await stored.OpenChannelAsync();
        object?[] shorts = [.. Enumerable.Repeat((object?)short.MinValue, 200_000)];
        object?[] copies = [.. Enumerable.Range(0, 600).Select(static i => (object?)$"{i:D255}")];
        properties = MessageProperties.Persistent.WithHeader("s", shorts).WithHeader("CC", copies) with { CorrelationId = new string('c', 780_000) };
        await channel.PublishAsync("", "q", new Message(new byte[1 << 20], properties));
        await channel.RejectAsync((await channel.GetAsync("q"))!.Delivery.DeliveryTag, requeue: false);
        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal(200_000, ((IReadOnlyList<object?>)(await channel.GetAsync("dead"))!.Delivery.Message.Headers["s"]!).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Message_ToMoreQueuesThanARecordHolds_IsInEachOfThemAfterARestart(bool isDeadLetter)
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options =>
        {
            options.Storage.Durability = Durability.Memory; // a sync for each declaration would take long
            options.Storage.OpenJournal = static async (journal, time, _) => await FasterJournal.OpenAsync(
                new JournalOptions
                {
                    Directory = journal.Directory,
                    Hot = new LogSizes { PageBytes = 64 << 10, MemoryBytes = 1 << 20, SegmentBytes = 4 << 20 },
                    Cold = new LogSizes { PageBytes = 256 << 10, MemoryBytes = 1 << 20, SegmentBytes = 4 << 20 },
                    MaxUncommittedBytes = 256 << 10,
                    FreeSpaceWatermarkBytes = 0,
                    BallastBytes = 0,
                },
                OsFiles.Instance,
                time);
        });
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareExchangeAsync("all", ExchangeType.Fanout, static exchange => exchange.Durable());
        await channel.DeclareQueueAsync("first", static queue => queue.Durable().DeadLetterTo("all", null));
        for (int i = 0; i < Queues; i++)
        {
            await channel.DeclareQueueAsync($"{i}", static queue => queue.Durable().WithMessageTtl(TimeSpan.FromDays(40)));
            await channel.BindQueueAsync($"{i}", "all", "");
        }

        Message message = new(new byte[32_000], MessageProperties.Persistent);
        if (isDeadLetter)
        {
            await channel.PublishAsync("", "first", message);
            await channel.RejectAsync((await channel.GetAsync("first"))!.Delivery.DeliveryTag, requeue: false);
        }
        else
        {
            await channel.PublishAsync("all", "", message);
        }

        await stored.RestartAsync();

        IReadOnlyList<QueueDescription> queues = await stored.Broker.Management.ListQueuesAsync("/");
        Assert.Equal(Queues, queues.Count(static queue => queue.ReadyCount == 1));
        Assert.Equal(0, queues.Single(static queue => queue.Name == "first").ReadyCount);
    }
}
