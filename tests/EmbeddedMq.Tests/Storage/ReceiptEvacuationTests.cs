using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage;

/// <summary>Receipts of commits that are under way while the journal is shortened.</summary>
public sealed class ReceiptEvacuationTests
{
    private const int JournalBytes = 1 << 20;
    private const int Count = 5_000; // more than a record holds: the commit is several

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // A part of a commit is copied only if the commit is known to have ended: else it may be one that never did.
    [Fact]
    public async Task Evacuation_OfACommitThatIsSafeAndNotKnownYet_WaitsForIt()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(MakeSmall);
        MessageStore store = stored.Broker.Store;
        Receipt[] receipts = [.. Enumerable.Range(1, Count).Select(static i => new Receipt((UInt128)i, (UInt128)i, 1, 1_900_000_000_000))];
        Task keeping;
        long segment = store.Journal.Hot.SegmentOf(store.Journal.Hot.TailAddress);
        int phase = store.Named.Enter();
        try
        {
            store.AppendCommit([], [], receipts, out ulong endedAt);
            Assert.True(await store.IsSafeAsync(endedAt));
            Assert.True(store.Journal.Hot.SegmentOf(new StoredId(endedAt).Address) > segment);
            await FillAsync(stored);

            keeping = stored.Broker.KeepStoreShortAsync().AsTask();
            int now;
            while ((now = store.Named.Enter()) == phase)
            {
                store.Named.Leave(now);
                Assert.False(keeping.IsCompleted, "It has not waited at all.");
                await Task.Yield(); // it does not wait yet
            }

            store.Named.Leave(now);
            Assert.True(store.Receipts.Needs(segment));
            store.Receipts.Add(receipts);
        }
        finally
        {
            store.Named.Leave(phase);
        }

        await keeping.WaitAsync(TimeSpan.FromMinutes(1), Token);
        Assert.False(store.Receipts.Needs(segment));
        await stored.RestartAsync();
        Assert.All(receipts, receipt => Assert.True(stored.Broker.Store.Receipts.TryFind(receipt.Key, out _)));
    }

    // Longer than the journal should be, and not so long that it is shortened without being asked.
    private static async Task FillAsync(StoredBroker stored)
    {
        IChannel channel = await stored.OpenChannelAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable(), Token);
        IAppendLog hot = stored.Broker.Journal.Hot;
        while (hot.TailAddress - hot.BeginAddress < JournalBytes * 3 / 2)
        {
            await channel.PublishAsync("", "q", Message.Text(new string('x', 1_000), MessageProperties.Persistent), cancellationToken: Token);
            await channel.GetAsync("q", autoAck: true, Token);
        }
    }

    private static void MakeSmall(BrokerOptions options)
    {
        options.Storage.JournalBytes = JournalBytes;
        options.Storage.Durability = Durability.OsBuffered;
        options.Storage.OpenJournal = static async (journal, time, _) => await FasterJournal.OpenAsync(
            new JournalOptions
            {
                Directory = journal.Directory,
                Hot = new LogSizes { PageBytes = 64 << 10, MemoryBytes = 1 << 20, SegmentBytes = 128 << 10 },
                Cold = new LogSizes { PageBytes = 256 << 10, MemoryBytes = 1 << 20, SegmentBytes = 512 << 10 },
                MaxUncommittedBytes = 256 << 10,
                FreeSpaceWatermarkBytes = 0,
                BallastBytes = 0,
            },
            OsFiles.Instance,
            time);
    }
}
