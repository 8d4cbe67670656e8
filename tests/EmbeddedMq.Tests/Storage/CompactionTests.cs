using System.Buffers.Binary;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage;

/// <summary>What is left in cold segments moves together when most of them is settled, and nobody who uses the queues notices.</summary>
public sealed class CompactionTests
{
    private const int SegmentBytes = 512 << 10;
    private const int Rounds = 60; // more than a store of this size needs

    [Theory]
    [InlineData(1, 10)]
    [InlineData(2, 100)]
    [InlineData(3, 1_000)]
    public async Task SlowQueue_KeepsOneOfMany_TakesSpaceForThatOnly(int part, int keepsOneOf)
    {
        int seed = Seeds.Pick(60);
        Random random = Seeds.Generator(seed, part);
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("slow", static q => q.Durable().WithMaxPriority(1));
        List<string> texts = await FillAsync(channel, 12_000, random);
        await KeepShortAsync(stored);

        List<(string Text, ulong Tag)> kept = await TakeAsync(channel, texts, random, keepsOneOf);
        await KeepShortAsync(stored);

        AssertShort(stored, kept.Sum(static message => message.Text.Length), $"Seed {seed}");
        List<string> expected = await SettleSomeAsync(channel, kept, random);
        await stored.RestartAsync();
        await KeepShortAsync(stored);
        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal(expected, await DrainAsync(channel));
        await KeepShortAsync(stored);
        AssertShort(stored, 0, $"Seed {seed}");
    }

    [Fact]
    public async Task SettlingAndConsuming_BesideTheMove_LosesAndDoublesNothing()
    {
        int seed = Seeds.Pick(61);
        Random random = Seeds.Generator(seed, 0);
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("slow", static q => q.Durable().WithMaxPriority(1));
        HashSet<string> left = [];
        for (int round = 0; round < 6; round++)
        {
            List<string> texts = await FillAsync(channel, 4_000, random);
            left.UnionWith(texts);
            await KeepShortAsync(stored);
            List<(string Text, ulong Tag)> held = [];
            while (await channel.GetAsync("slow") is { } got)
            {
                held.Add((got.Delivery.Message.GetText(), got.Delivery.DeliveryTag));
            }

            Assert.True(left.SetEquals(held.Select(static message => message.Text)), $"Seed {seed}, round {round}");
            (string Text, ulong Tag)[] order = [.. held];
            random.Shuffle(order);
            Task keeping = Task.Run(() => KeepShortAsync(stored), TestContext.Current.CancellationToken);
            for (int i = 0; i < order.Length; i++)
            {
                if (i % 20 == 0)
                {
                    await channel.NackAsync(order[i].Tag);
                }
                else
                {
                    await channel.AckAsync(order[i].Tag);
                    left.Remove(order[i].Text);
                }
            }

            await keeping;
            if (round % 2 == 0)
            {
                await stored.RestartAsync();
                channel = await stored.OpenChannelAsync();
            }
        }

        await KeepShortAsync(stored);
        AssertShort(stored, left.Sum(static text => text.Length), $"Seed {seed}");
        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.True(left.SetEquals(await DrainAsync(channel)), $"Seed {seed}");
    }

    [Fact]
    public async Task PurgedQueue_AfterTheMove_IsEmptyAfterARestart()
    {
        Random random = new(1);
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("slow", static q => q.Durable().WithMaxPriority(1));
        List<string> texts = await FillAsync(channel, 8_000, random);
        await KeepShortAsync(stored);
        foreach ((_, ulong tag) in await TakeAsync(channel, texts, random, 50))
        {
            await channel.NackAsync(tag);
        }

        await KeepShortAsync(stored);

        Assert.True(await channel.PurgeQueueAsync("slow") > 0);
        await stored.RestartAsync();
        channel = await stored.OpenChannelAsync();
        Assert.Equal(0u, (await channel.DeclareQueuePassiveAsync("slow")).MessageCount);
        await KeepShortAsync(stored);
        AssertShort(stored, 0, "Purged");
    }

    [Fact]
    public async Task BlockThatCannotBeRead_KeepsNoOthersFromMovingTogether()
    {
        Receipt[] receipts = [.. Enumerable.Range(1, 100).Select(static i => new Receipt((UInt128)i << 64, (UInt128)i, 1, 1_900_000_000_000))];
        Random random = new(1);
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        MessageStore store = stored.Broker.Store;
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("slow", static q => q.Durable().WithMaxPriority(1));
        store.AppendCommit([], [], receipts, out ulong endedAt);
        Assert.True(await store.IsSafeAsync(endedAt));
        store.Receipts.Add(receipts);
        List<string> texts = await FillAsync(channel, 12_000, random);
        await KeepShortAsync(stored);
        TopologyItem.ReceiptBlockKept block = Assert.Single(store.Receipts.Describe());
        Damage(stored.Directory, receipts[50].Key);
        Assert.Throws<JournalException>(() => { stored.Broker.Journal.Cold.Read(block.Address); });

        List<(string Text, ulong Tag)> kept = await TakeAsync(channel, texts, random, 20); // of the segments with these more is alive: that of the receipts would go first
        await KeepShortAsync(stored);
        await KeepShortAsync(stored);

        AssertShort(stored, kept.Sum(static message => message.Text.Length), "Damaged");
    }

    // Behind the broker's back, as a disk does it.
    private static void Damage(string directory, UInt128 key)
    {
        Span<byte> pattern = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(pattern, key);
        int found = 0;
        foreach (string path in Directory.EnumerateFiles(directory, "cold*", SearchOption.AllDirectories))
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            for (int at = 0; bytes.AsSpan(at).IndexOf(pattern) is var next and >= 0; at += next + 1, found++)
            {
                file.Position = at + next;
                file.WriteByte((byte)(pattern[0] ^ 1));
            }
        }

        Assert.True(found > 0, "It is in no file.");
    }

    private static void MakeSmall(BrokerOptions options)
    {
        options.BacklogMemoryBytes = 256 << 10;
        options.Storage.JournalBytes = 1 << 20;
        options.Storage.Durability = Durability.OsBuffered;
        options.Storage.OpenJournal = static async (journal, time, _) => await FasterJournal.OpenAsync(
            new JournalOptions
            {
                Directory = journal.Directory,
                Hot = new LogSizes { PageBytes = 64 << 10, MemoryBytes = 512 << 10, SegmentBytes = 256 << 10 },
                Cold = new LogSizes { PageBytes = 256 << 10, MemoryBytes = 1 << 20, SegmentBytes = SegmentBytes },
                MaxUncommittedBytes = 128 << 10,
                FreeSpaceWatermarkBytes = 0,
                BallastBytes = 0,
            },
            new OsFiles(),
            time);
    }

    private static async Task<List<string>> FillAsync(IChannel channel, int count, Random random)
    {
        List<string>[] texts = [[], []];
        for (int i = 0; i < count; i++)
        {
            byte priority = (byte)random.Next(2);
            string text = $"{i} {random.Next()} {new string('x', random.Next(200) == 0 ? random.Next(200_000) : random.Next(1_500))}";
            texts[priority].Add(text);
            MessageProperties properties = new() { DeliveryMode = DeliveryMode.Persistent, Priority = priority };
            await channel.PublishAsync("", "slow", Message.Text(text, properties), PublishFlags.ConfirmInMemory);
        }

        return [.. texts[1], .. texts[0]];
    }

    private static async Task<List<(string Text, ulong Tag)>> TakeAsync(IChannel channel, List<string> texts, Random random, int keepsOneOf)
    {
        List<(string Text, ulong Tag)> kept = [];
        foreach (string text in texts)
        {
            Delivery delivery = (await channel.GetAsync("slow"))!.Delivery;
            Assert.Equal(text, delivery.Message.GetText());
            if (random.Next(keepsOneOf) == 0)
            {
                kept.Add((text, delivery.DeliveryTag));
            }
            else
            {
                await channel.AckAsync(delivery.DeliveryTag);
            }
        }

        return kept;
    }

    // A third is acknowledged, a third put back, a third held until the stop.
    private static async Task<List<string>> SettleSomeAsync(IChannel channel, List<(string Text, ulong Tag)> kept, Random random)
    {
        List<string> left = [];
        foreach ((string text, ulong tag) in kept)
        {
            switch (random.Next(3))
            {
                case 0:
                    await channel.AckAsync(tag);
                    continue;
                case 1:
                    await channel.NackAsync(tag);
                    break;
            }

            left.Add(text);
        }

        return left;
    }

    private static async Task<List<string>> DrainAsync(IChannel channel)
    {
        List<string> texts = [];
        while (await channel.GetAsync("slow", autoAck: true) is { } got)
        {
            texts.Add(got.Delivery.Message.GetText());
        }

        return texts;
    }

    private static async Task KeepShortAsync(StoredBroker stored)
    {
        for (int i = 0; i < Rounds; i++)
        {
            (long, long) before = (stored.Broker.Journal.Hot.BeginAddress, BytesOf(stored.Broker.Journal.Cold));
            await stored.Broker.KeepStoreShortAsync();
            await stored.Broker.Journal.Cold.FlushAsync(Durability.Synced); // what is released goes with it
            if (before == (stored.Broker.Journal.Hot.BeginAddress, BytesOf(stored.Broker.Journal.Cold)) && i > 2)
            {
                break;
            }
        }
    }

    private static void AssertShort(StoredBroker stored, long liveBytes, string where)
    {
        long bytes = BytesOf(stored.Broker.Journal.Cold);
        Assert.True(bytes <= (3 * liveBytes) + (3 * SegmentBytes), $"{where}: {bytes} bytes in the cold log for {liveBytes} that are alive.");
    }

    private static long BytesOf(IAppendLog log) => log.Segments.Sum(static segment => segment.End - segment.Begin);
}
