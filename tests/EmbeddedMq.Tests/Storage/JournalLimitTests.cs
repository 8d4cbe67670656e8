using System.Collections.Concurrent;
using EmbeddedMq.Channels;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage;

/// <summary>How long the journal gets, and how much of the disk the store takes, whatever is published.</summary>
public sealed class JournalLimitTests
{
    private const int JournalBytes = 1 << 20;
    private const int HotSegmentBytes = 256 << 10;
    private const int ColdSegmentBytes = 512 << 10;
    private const int MostUncommittedBytes = 128 << 10;
    private const long MostJournalBytes = (2 * JournalBytes) + (2 * HotSegmentBytes);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Publishers_FasterThanMessagesMove_WaitUntilTheJournalIsShortAgain()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IConnection connection = await stored.Broker.ConnectAsync(cancellationToken: Token);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        ConcurrentQueue<string?> reasons = new();
        connection.BlockedChanged += (_, change) => reasons.Enqueue(change.Reason);
        await channel.DeclareQueueAsync("stuck", static q => q.Durable(), Token);
        IAppendLog hot = stored.Broker.Journal.Hot;
        List<string> texts = [];
        for (int i = 0; i < 12_000; i++)
        {
            texts.Add($"{i} {new string('x', 1_000)}");
            await channel.PublishAsync("", "stuck", Message.Text(texts[^1], MessageProperties.Persistent), PublishFlags.ConfirmInMemory, Token);
            long bytes = hot.TailAddress - hot.BeginAddress;
            Assert.True(bytes < MostJournalBytes + HotSegmentBytes, $"{bytes} bytes in the journal after {i} messages.");
        }

        Assert.Contains("the journal is too long", reasons);
        Assert.Equal(12_000u, (await channel.DeclareQueuePassiveAsync("stuck", Token)).MessageCount);
        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        foreach (string text in texts)
        {
            Assert.Equal(text, (await channel.GetAsync("stuck", autoAck: true, Token))?.Delivery.Message.GetText());
        }

        Assert.False(stored.Broker.Storage!.IsJournalTooLong);
    }

    /// <summary>A message that left its place by a record which went with the disk is only in memory, until it is stored again.</summary>
    [Fact]
    public async Task Checkpoint_WhileTheStoreIsMended_IsNotWritten()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        Channel channel = (Channel)await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("stuck", static q => q.Durable(), Token);
        for (int i = 0; i < 500; i++)
        {
            await channel.PublishAsync("", "stuck", Message.Text(new string('x', 1_000), MessageProperties.Persistent), PublishFlags.ConfirmInMemory, Token);
        }

        channel.Host.Services.Store.BeginMending();
        long before = stored.Broker.Storage!.CheckpointsTotal;
        await stored.Broker.KeepStoreShortAsync();
        Assert.Equal(before, stored.Broker.Storage!.CheckpointsTotal);
        Broker broker = stored.Broker;
        await stored.StopAsync();
        Assert.Equal(before, broker.Storage!.CheckpointsTotal);
    }

    [Fact]
    public async Task MessagesThatWaitForRoomInTheirQueue_AtTheBeginningOfTheJournal_DoNotHoldIt()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("full", static q => q.Durable().MaxLength(1, Overflow.BlockPublisher), Token);
        await channel.DeclareQueueAsync("busy", static q => q.Durable(), Token);
        Task[] waiting = [.. Enumerable.Range(0, 5).Select(i => PublishAsync(channel, "full", $"{i}"))];
        await waiting[0];
        IChannel other = await stored.OpenChannelAsync();
        for (int i = 0; i < 12_000; i++)
        {
            await PublishAsync(other, "busy", new string('y', 1_000));
            await other.GetAsync("busy", autoAck: true, Token);
        }

        IAppendLog hot = stored.Broker.Journal.Hot;
        Assert.True(hot.TailAddress - hot.BeginAddress < MostJournalBytes + HotSegmentBytes, $"{hot.TailAddress - hot.BeginAddress} bytes in the journal.");
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal($"{i}", (await channel.GetAsync("full", autoAck: true, Token))?.Delivery.Message.GetText());
            await waiting[i + 1];
        }

        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal("4", (await channel.GetAsync("full", autoAck: true, Token))?.Delivery.Message.GetText());
        Assert.Null(await channel.GetAsync("full", autoAck: true, Token));
    }

    [Fact]
    public async Task KeepStoreShort_WhatIsAtTheBeginningOfTheJournalCannotBeMoved_DoesNotMakeItLongerEachTime()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        stored.Broker.Store.Append("", "", Message.Text("on its way for ever", MessageProperties.Persistent), [new QueueRef(uint.MaxValue, QueueRef.NoTtl)]);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("busy", static q => q.Durable(), Token);
        IAppendLog hot = stored.Broker.Journal.Hot;
        while (hot.TailAddress - hot.BeginAddress < JournalBytes * 3 / 2)
        {
            await PublishAsync(channel, "busy", new string('y', 1_000));
            await channel.GetAsync("busy", autoAck: true, Token);
        }

        await stored.Broker.KeepStoreShortAsync();
        long tail = hot.TailAddress;
        for (int i = 0; i < 5; i++)
        {
            await stored.Broker.KeepStoreShortAsync();
        }

        Assert.Equal(tail, hot.TailAddress);
    }

    [Fact]
    public async Task Checkpoint_LongerThanTheJournalMayBe_HoldsNobodyUp()
    {
        const int Queues = 12_000;
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("stuck", static q => q.Durable(), Token);
        await Task.WhenAll(Enumerable.Range(0, Queues).Select(i => channel.DeclareQueueAsync(NameOf(i), static q => q.Durable(), Token).AsTask()));
        Assert.True(Queues * NameOf(0).Length > MostJournalBytes);
        for (int i = 0; i < 6_000; i++)
        {
            await PublishAsync(channel, "stuck", $"{i} {new string('x', 1_000)}").WaitAsync(BrokerFixture.Patience, Token);
        }

        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal(6_000u, (await channel.DeclareQueuePassiveAsync("stuck", Token)).MessageCount);
        Assert.Equal(0u, (await channel.DeclareQueuePassiveAsync(NameOf(Queues - 1), Token)).MessageCount);

        static string NameOf(int number) => $"{number:d5} {new string('q', 240)}";
    }

    /// <summary>A thousandth of 2 GB that are stuck, half of them in the end, beside 100 GB that come and go.</summary>
    [Fact]
    public async Task StuckBacklog_BesideFiftyTimesAsMuch_TakesTheSpaceOfWhatIsStuck()
    {
        int seed = Seeds.Pick(62);
        Random random = Seeds.Generator(seed, 0);
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("stuck", static q => q.Durable(), Token);
        await channel.DeclareQueueAsync("busy", static q => q.Durable(), Token);
        string busy = new('y', 1_000);
        List<(string Text, ulong Tag)> held = [];
        long heldBytes = 0;
        for (int i = 0; i < 100_000; i++)
        {
            await PublishAsync(channel, "busy", busy);
            await channel.GetAsync("busy", autoAck: true, Token);
            if (i % 50 == 0)
            {
                string text = $"{i} {new string('x', random.Next(2_000))}";
                await PublishAsync(channel, "stuck", text);
                held.Add((text, (await channel.GetAsync("stuck", cancellationToken: Token))!.Delivery.DeliveryTag));
                heldBytes += text.Length;
                if (held.Count > 500 && random.Next(2) == 0)
                {
                    int index = random.Next(held.Count);
                    await channel.AckAsync(held[index].Tag, cancellationToken: Token);
                    heldBytes -= held[index].Text.Length;
                    held.RemoveAt(index);
                }
            }

            if (i % 1_000 == 0)
            {
                stored.Time.Advance(TimeSpan.FromSeconds(1));
                AssertBounded(stored, heldBytes, $"Seed {seed}, after {i}");
            }
        }

        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        foreach ((string text, _) in held)
        {
            Assert.Equal(text, (await channel.GetAsync("stuck", autoAck: true, Token))?.Delivery.Message.GetText());
        }

        Assert.Null(await channel.GetAsync("stuck", autoAck: true, Token));
    }

    // The journal keeps eight files to write them again, the cold log two, and each may be about to make one.
    private static void AssertBounded(StoredBroker stored, long liveBytes, string where)
    {
        long bytes = new DirectoryInfo(stored.Directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(static file => file.Exists ? file.Length : 0);
        long most = MostJournalBytes + (9 * HotSegmentBytes) + (3 * liveBytes) + (6 * ColdSegmentBytes) + (1 << 20);
        Assert.True(bytes <= most, $"{where}: {bytes} bytes on disk for {liveBytes} that are stuck; {most} may be.");
    }

    private static async Task PublishAsync(IChannel channel, string queue, string text)
        => await channel.PublishAsync("", queue, Message.Text(text, MessageProperties.Persistent), PublishFlags.ConfirmInMemory, Token);

    private static void MakeSmall(BrokerOptions options)
    {
        options.BacklogMemoryBytes = 256 << 10;
        options.Storage.JournalBytes = JournalBytes;
        options.Storage.Durability = Durability.OsBuffered;
        options.Storage.OpenJournal = static async (journal, time, _) => await FasterJournal.OpenAsync(
            new JournalOptions
            {
                Directory = journal.Directory,
                Hot = new LogSizes { PageBytes = 64 << 10, MemoryBytes = 512 << 10, SegmentBytes = HotSegmentBytes },
                Cold = new LogSizes { PageBytes = 256 << 10, MemoryBytes = 1 << 20, SegmentBytes = ColdSegmentBytes },
                MaxUncommittedBytes = MostUncommittedBytes,
                FreeSpaceWatermarkBytes = 0,
                BallastBytes = 0,
            },
            new OsFiles(),
            time);
    }
}
