using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Tests.Journal;

/// <summary>What a log promises to those who append, wait and read.</summary>
public sealed class AppendLogTests
{
    private const string Store = "/store";

    private readonly FaultyFiles _files = new(1);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Append_Addresses_GrowAndStayBelow48Bits()
    {
        long last = 0;
        for (int opening = 0; opening < 3; opening++)
        {
            await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
            for (int i = 0; i < 200; i++)
            {
                long address = SmallStore.Append(journal.Hot, i, i * 7);
                Assert.True(address > last);
                Assert.Equal(0, address % 4);
                Assert.True(address < JournalAddress.Limit);
                last = address;
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(240)]
    [InlineData(255)]
    public async Task Append_ReservedKind_Throws(byte kind)
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        Assert.Throws<ArgumentOutOfRangeException>(() => journal.Hot.Append(kind, new RecordBytes("x"u8)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2012)]
    [InlineData(2013)]
    [InlineData(8128)]
    public async Task Append_AnyLengthUpToTheLimit_IsReadBack(int length)
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        byte[] body = new byte[length];
        new Random(Seeds.Pick(3)).NextBytes(body);
        List<long> addresses = [];
        for (int i = 0; i < 5; i++)
        {
            addresses.Add(journal.Hot.Append(9, new RecordBytes(body)));
        }

        await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled);

        Assert.Equal(8128, journal.Hot.MaxRecordBytes);
        Assert.All(addresses, address => Assert.Equal(body, journal.Hot.Read(address).Body.ToArray()));
        Assert.Throws<ArgumentOutOfRangeException>(() => journal.Hot.Append(9, new RecordBytes(new byte[8129])));
    }

    [Fact]
    public async Task Append_BodyThrows_LeavesNothingBehind()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        SmallStore.Append(journal.Hot, 1);
        Assert.Throws<NotSupportedException>(() => journal.Hot.Append(9, new ThrowingBody()));
        SmallStore.Append(journal.Hot, 2);
        await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled);

        Assert.Equal([1, 2], SmallStore.Numbers(journal.Hot));
    }

    [Fact]
    public async Task Append_ManyThreads_KeepsEachThreadsOrder()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                SmallStore.Append(journal.Hot, (thread * 10000) + i, 8 + (i % 500));
            }
        })));
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);

        List<long> numbers = SmallStore.Numbers(journal.Hot);
        for (int thread = 0; thread < 4; thread++)
        {
            Assert.Equal(Enumerable.Range(thread * 10000, 2000).Select(n => (long)n), numbers.Where(n => n / 10000 == thread));
        }
    }

    [Fact]
    public async Task WhenCommitted_OsBufferedOnly_DoesNotSync()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        long synced = journal.Hot.SyncedUntil;
        SmallStore.Append(journal.Hot, 1);
        await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled);

        Assert.Equal(journal.Hot.TailAddress, journal.Hot.WrittenUntil);
        Assert.Equal(synced, journal.Hot.SyncedUntil);

        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        Assert.Equal(journal.Hot.TailAddress, journal.Hot.SyncedUntil);
    }

    [Fact]
    public async Task WhenCommitted_ManyWaiters_CompleteInOrder()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        List<int> completed = [];
        for (int i = 0; i < 500; i++)
        {
            SmallStore.Append(journal.Hot, i);
            journal.Hot.WhenCommitted(new ListingWaiter(i, completed));
        }

        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);

        Assert.Equal(Enumerable.Range(0, 500), completed);
    }

    [Fact]
    public async Task WhenCommitted_WaiterThrows_OthersStillComplete()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        SmallStore.Append(journal.Hot, 1);
        journal.Hot.WhenCommitted(new ThrowingWaiter());
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);

        Assert.Equal(JournalState.Open, journal.State);
    }

    [Fact]
    public async Task Append_MoreThanTheMemoryHoldsAndNobodyElseWakesTheJournal_GoesOn()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        for (int i = 1; i <= 400; i++)
        {
            SmallStore.Append(journal.Hot, i, length: 4_000); // two to a page, so that every other one waits for a page to be written
        }

        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);

        Assert.Equal(Enumerable.Range(1, 400).Select(n => (long)n), SmallStore.Numbers(journal.Hot));
    }

    [Fact]
    public async Task WhenCommitted_WaiterAppendsMoreThanTheMemoryHolds_GoesOn()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        journal.Hot.WhenCommitted(new AppendingWaiter(journal.Hot, 200));
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);

        Assert.Equal(Enumerable.Range(1, 200).Select(n => (long)n), SmallStore.Numbers(journal.Hot));
    }

    [Fact]
    public async Task WhenCommitted_WriteFailsWithinAWaiter_FailsTheStore()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        _files.FailIn(3);
        _files.FailForEver = true;
        journal.Hot.WhenCommitted(new AppendingWaiter(journal.Hot, 200));

        // Whether this comes into the same commit or a later one, the store has failed when it is answered.
        await Assert.ThrowsAsync<JournalException>(async () =>
        {
            while (true)
            {
                await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled);
            }
        });
        Assert.Equal(JournalState.Failed, journal.State);
        Assert.Equal(JournalAddress.None, SmallStore.Append(journal.Hot, 1));
    }

    [Fact]
    public async Task WaitForRoom_AboveTheCap_WaitsForACommitAndStartsIt()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        while (journal.Hot.HasRoom)
        {
            SmallStore.Append(journal.Hot, 1, 1000);
        }

        Assert.True(journal.Hot.UncommittedBytes >= 16 << 10);
        await journal.Hot.WaitForRoomAsync(Cancelled);
        Assert.True(journal.Hot.HasRoom);
        Assert.Equal(0, journal.Hot.UncommittedBytes);
    }

    [Fact]
    public async Task Read_NotWritten_Throws()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled);
        long address = SmallStore.Append(journal.Hot, 1);

        JournalException error = Assert.Throws<JournalException>(() => journal.Hot.Read(address));

        Assert.Contains($"nothing can be read at address {address} of the hot log", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_BetweenRecords_ThrowsNamingFileAndAddress()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        long address = SmallStore.Append(journal.Hot, 1, 400) + 4;
        await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled);

        JournalException error = Assert.Throws<JournalException>(() => journal.Hot.Read(address));

        Assert.Contains($"'/store/hot-5eed0001-0000000001.seg' is damaged at address {address}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReleaseBefore_OldSegments_AreRecycledAndNotRead()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        List<long> addresses = [];
        for (int i = 0; i < 300; i++)
        {
            addresses.Add(SmallStore.Append(journal.Hot, i, 900));
        }

        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        journal.Hot.ReleaseBefore(addresses[200]);
        await journal.SaveCheckpointAsync(new CheckpointPoint(addresses[200], addresses[200], default), Cancelled);
        await journal.SaveCheckpointAsync(new CheckpointPoint(addresses[200], addresses[200], default), Cancelled);

        Assert.Equal(journal.Hot.SegmentOf(addresses[200]), journal.Hot.Segments[0].Id);
        Assert.Equal(journal.Hot.Segments[0].Begin, journal.Hot.BeginAddress);
        Assert.Contains("released", Assert.Throws<JournalException>(() => journal.Hot.Read(addresses[0])).Message, StringComparison.Ordinal);
        Assert.Equal(300 - SmallStore.Numbers(journal.Hot)[0], SmallStore.Numbers(journal.Hot).Count);
        Assert.Single(_files.Names, name => name.Contains("spare", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ReleaseSegment_InTheMiddle_LeavesTheOthersAcrossAnOpening()
    {
        List<SegmentInfo> segments;
        await using (FasterJournal journal = await SmallStore.OpenAsync(_files, Store))
        {
            for (int i = 0; i < 100; i++)
            {
                SmallStore.Append(journal.Cold, i, 900);
            }

            await journal.Cold.FlushAsync(Durability.Synced, Cancelled);
            segments = [.. journal.Cold.Segments];
            journal.Cold.ReleaseSegment(segments[2].Id);
            journal.Cold.ReleaseSegment(segments[3].Id);
            await journal.SaveCheckpointAsync(default, Cancelled);
            await journal.SaveCheckpointAsync(default, Cancelled);
            Assert.Throws<ArgumentOutOfRangeException>(() => journal.Cold.ReleaseSegment(segments[^1].Id));
        }

        await using FasterJournal again = await SmallStore.OpenAsync(_files, Store);
        List<long> numbers = SmallStore.Numbers(again.Cold);
        Assert.Equal(0, numbers[0]);
        Assert.Equal(99, numbers[^1]);
        Assert.DoesNotContain(again.Cold.Segments, segment => segment.Id == segments[2].Id);
        Assert.Equal(segments.Count - 2, again.Cold.Segments.Count);
        Assert.InRange(numbers.Count, 60, 80);
    }

    private readonly struct ThrowingBody : IRecordBody
    {
        public int GetLength() => 100;

        public void Write(Span<byte> destination)
        {
            destination.Fill(1);
            throw new NotSupportedException();
        }
    }

    private sealed class ListingWaiter(int number, List<int> completed) : CommitWaiter(Durability.Synced)
    {
        public override void Complete(JournalException? failure)
        {
            if (failure is null)
            {
                completed.Add(number); // the journal's thread alone
            }
        }
    }

    private sealed class AppendingWaiter(IAppendLog log, int count) : CommitWaiter(Durability.OsBuffered)
    {
        public override void Complete(JournalException? failure)
        {
            for (int i = 1; i <= count; i++)
            {
                SmallStore.Append(log, i, 1000);
            }
        }
    }

    private sealed class ThrowingWaiter() : CommitWaiter(Durability.OsBuffered)
    {
        public override void Complete(JournalException? failure) => throw new NotSupportedException();
    }
}
