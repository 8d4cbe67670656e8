using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Tests.Storage;

/// <summary>Addresses are never used twice, so a store comes to high ones with the years.</summary>
public sealed class HighAddressTests
{
    private const string Directory = "/store";

    private static readonly LogSizes Sizes = new() { PageBytes = 4 << 20, MemoryBytes = 8 << 20, SegmentBytes = 4 << 20 };

    /// <summary>So many bytes a broker that takes ten megabytes a second has written after ten years.</summary>
    [Fact]
    public async Task Store_ThatHasTakenThreePetabytes_KeepsWhatItTakes()
    {
        FaultyFiles files = new(1);
        JournalOptions options = new() { Directory = Directory, Hot = Sizes, Cold = Sizes, FreeSpaceWatermarkBytes = 0, BallastBytes = 0 };
        using (ManifestFile.Create(files, Directory, options.ManifestSlotBytes, new ManifestContent
        {
            StoreTag = 1,
            Incarnation = 1,
            IsClean = true,
            Checkpoint = default,
            Hot = HighLog(),
            Cold = HighLog(),
        }))
        {
        }

        await using StoredBroker stored = await StoredBroker.StartAsync(broker =>
        {
            broker.Storage.JournalBytes = 1 << 20;
            broker.Storage.OpenJournal = async (_, time, _) => await FasterJournal.OpenAsync(options, files, time);
        });
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        string[] texts = [.. Enumerable.Range(0, 600).Select(static i => $"{i} {new string('x', 10_000)}")];
        foreach (string text in texts)
        {
            await channel.PublishAsync("", "q", Message.Text(text, MessageProperties.Persistent), PublishFlags.ConfirmInMemory);
        }

        await stored.Broker.KeepStoreShortAsync(); // the first of them are in the cold log then
        await stored.RestartAsync();

        Assert.True(stored.Broker.Journal.Hot.BeginAddress > 3L << 50);
        channel = await stored.OpenChannelAsync();
        List<string> found = [];
        while (await channel.GetAsync("q", autoAck: true) is { } got)
        {
            found.Add(got.Delivery.Message.GetText());
        }

        Assert.Equal(texts, found);
    }

    private static LogState HighLog()
    {
        long next = (3L << 50) / Sizes.SegmentBytes;
        return new LogState
        {
            PageBytes = Sizes.PageBytes,
            SegmentBytes = Sizes.SegmentBytes,
            SyncedUntil = next * Sizes.SegmentBytes,
            SyncedLsn = 0,
            NextSegment = next,
            Segments = [],
        };
    }
}
