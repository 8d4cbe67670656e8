using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;

namespace EmbeddedMq.Reliability.Tests;

/// <summary>The store in an embedded broker's data directory.</summary>
public sealed class EmbeddedIdempotenceStoreTests : IdempotenceStoreContract
{
    private static readonly TimeSpan Retention = TimeSpan.FromDays(2);

    private readonly string _directory = Directory.CreateTempSubdirectory("embeddedmq-").FullName;
    private Broker? _broker;
    private long _entries = 1_000_000;

    /// <inheritdoc/>
    protected override bool IsDurable => true;

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await StopAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Retention_Over_TheMessageIsNewAgainAlsoAfterARestart()
    {
        await ProcessAsync("a");
        await AdvanceAsync(Retention - TimeSpan.FromSeconds(1));
        await ExpectAsync(ClaimOutcome.Duplicate, "a");
        await AdvanceAsync(TimeSpan.FromSeconds(2));

        Assert.Null(await Store.FindAsync("orders", "a"));
        await ExpectAsync(ClaimOutcome.Claimed, "a");
        await ReopenAsync();

        await ProcessAsync("a", fingerprint: new Fingerprint(7, 7));
        await ReopenAsync();
        await ExpectAsync(ClaimOutcome.Duplicate, "a", fingerprint: new Fingerprint(7, 7));
    }

    [Fact]
    public async Task Entries_MoreThanAreKept_TheOldestAreNewAgain()
    {
        _entries = 3;
        await ReopenAsync();
        foreach (string id in (string[])["a", "b", "c", "d", "e"])
        {
            await ProcessAsync(id);
        }

        for (int i = 0; i < 2; i++)
        {
            Assert.Null(await Store.FindAsync("orders", "a"));
            Assert.Null(await Store.FindAsync("orders", "b"));
            foreach (string id in (string[])["c", "d", "e"])
            {
                await ExpectAsync(ClaimOutcome.Duplicate, id);
            }

            await ReopenAsync();
        }
    }

    [Fact]
    public async Task Checkpoints_AndEvacuationAndCompaction_ForgetNothingAndGiveSpaceBack()
    {
        const int Rounds = 12;
        const int PerRound = 2_000;
        for (int round = 0; round < Rounds; round++)
        {
            int first = round * PerRound;
            await Task.WhenAll(Enumerable.Range(first, PerRound).Select(i => ProcessAsync(Text(i))));
            await _broker!.KeepStoreShortAsync();
            await ExpectAsync(ClaimOutcome.Duplicate, Text(first));
            if (round % 4 == 3)
            {
                await ReopenAsync();
            }
        }

        Assert.True(_broker!.Journal.Cold.TailAddress > 200_000, "Nothing was moved.");
        IAppendLog hot = _broker.Journal.Hot;
        Assert.True(hot.TailAddress - hot.BeginAddress < 2 << 20, $"{hot.TailAddress - hot.BeginAddress} bytes in the hot log.");
        for (int i = 0; i < Rounds * PerRound; i += 7)
        {
            await ExpectAsync(ClaimOutcome.Duplicate, Text(i));
            await ExpectAsync(ClaimOutcome.Conflict, Text(i), fingerprint: new Fingerprint(3, (ulong)i));
        }

        await AdvanceAsync(Retention + TimeSpan.FromSeconds(1));
        await ProcessAsync("new");
        await ReopenAsync();
        await ReopenAsync();
        Assert.InRange(_broker.Journal.Cold.Segments.Count, 0, 2);
        await ExpectAsync(ClaimOutcome.Claimed, Text(0));
        await ExpectAsync(ClaimOutcome.Duplicate, "new");
    }

    [Fact]
    public async Task Claim_Cancelled_ClaimsNothing()
    {
        ClaimRequest request = new() { Key = new IdempotenceKey("orders", "a", default), Lease = Lease };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.ClaimAsync(request, new CancellationToken(canceled: true)));

        Assert.Null(await Store.FindAsync("orders", "a"));
    }

    /// <inheritdoc/>
    protected override ValueTask<IIdempotenceStore> CreateAsync(TimeProvider time) => OpenAgainAsync();

    /// <inheritdoc/>
    protected override async ValueTask<IIdempotenceStore> OpenAgainAsync()
    {
        await StopAsync();
        BrokerOptions options = new() { DataDirectory = _directory, TimeProvider = Time, RandomSeed = 1 };
        options.Storage.FreeSpaceWatermarkBytes = 0;
        options.Storage.ReserveBytes = 0;
        options.Storage.JournalBytes = 1 << 20;
        options.Storage.IdempotenceRetention = Retention;
        options.Storage.IdempotenceEntries = _entries;
        options.Storage.OpenJournal = static async (journal, time, _) => await FasterJournal.OpenAsync(
            new JournalOptions
            {
                Directory = journal.Directory,
                Hot = new LogSizes { PageBytes = 64 << 10, MemoryBytes = 512 << 10, SegmentBytes = 128 << 10 },
                Cold = new LogSizes { PageBytes = 256 << 10, MemoryBytes = 1 << 20, SegmentBytes = 512 << 10 },
                MaxUncommittedBytes = 128 << 10,
                FreeSpaceWatermarkBytes = 0,
                BallastBytes = 0,
            },
            new OsFiles(),
            time);
        _broker = await Broker.StartAsync(options);
        return _broker.Idempotence;
    }

    private async ValueTask StopAsync()
    {
        if (Interlocked.Exchange(ref _broker, null) is { } broker)
        {
            await broker.DisposeAsync();
        }
    }
}
