using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Journal;

/// <summary>When the file of the next segment is made ahead, and what is left where it is not.</summary>
public sealed class SpareMakerTests : IDisposable
{
    private const string Store = "/store";
    private const int Quarter = 8 << 10;
    private const int SegmentBytes = 4 * Quarter;
    private const string Zeros = "/store/hot-5eed0001-0000000005.zeros.seg";

    private readonly FaultyFiles _files = new(1);
    private readonly FakeTimeProvider _time = new();
    private readonly SegmentFiles _log;
    private readonly SpareMaker _maker;

    public SpareMakerTests()
    {
        JournalOptions options = SmallStore.Options(Store, watermarkBytes: 1000);
        _log = new SegmentFiles(_files, new LogIdentity(Store, "hot", 0, 0x5eed0001, options.Hot), options.SpareSegments);
        _maker = new SpareMaker(_files, _log, options, _time);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _maker.Dispose();
        _log.Dispose();
    }

    [Fact]
    public void NoteWritten_AQuarterSoonAfterItWasMade_MakesASpareThatTheNextSegmentIsMadeOf()
    {
        Fill(Quarter);
        Assert.Equal([Zeros], _files.Names);
        Assert.Equal(new byte[SegmentBytes], _files.Peek(Zeros));
        _log.Create(6, 1);
        Assert.Equal(["/store/hot-5eed0001-0000000006.seg"], _files.Names);
        Assert.False(_log.HasSpare);
    }

    [Fact]
    public void NoteWritten_MadeSpareAfterAPowerCut_IsWhole()
    {
        Fill(Quarter);
        _files.SyncDirectory(Store); // so that the cut leaves its name
        _files.CutPower();
        Assert.Equal(SegmentBytes, _files.LengthOf(Zeros));
    }

    [Fact]
    public void NoteWritten_LessThanAQuarter_MakesNone()
    {
        Fill(Quarter - 1);
        Assert.Empty(_files.Names);
    }

    [Fact]
    public void NoteWritten_Slowly_MakesNone()
    {
        Fill(Quarter, TimeSpan.FromSeconds(11));
        Assert.Empty(_files.Names);
    }

    [Fact]
    public void NoteWritten_ASegmentFoundWhenTheStoreWasOpened_MakesNone()
    {
        _maker.NoteWritten(5, Quarter);
        _maker.Join();
        Assert.Empty(_files.Names);
    }

    [Fact]
    public void NoteWritten_ThereIsASpare_MakesNone()
    {
        _log.AddSpare("/store/any");
        Fill(Quarter);
        Assert.Empty(_files.Names);
    }

    [Fact]
    public void NoteWritten_LittleSpace_MakesNone()
    {
        _files.Capacity = 1000 + (2 * SegmentBytes) - 1;
        Fill(Quarter);
        Assert.Empty(_files.Names);
    }

    [Fact]
    public void NoteWritten_Closed_MakesNone()
    {
        _maker.Dispose();
        Fill(Quarter);
        Assert.Empty(_files.Names);
    }

    [Fact]
    public void NoteWritten_EachOperationFailsInTurn_LeavesNothingAndTheNextSegmentIsMade()
    {
        Fill(Quarter);
        int operations = _files.Operations;
        for (int fault = 1; fault <= operations; fault++)
        {
            FaultyFiles files = new(fault) { FailAt = fault };
            JournalOptions options = SmallStore.Options(Store);
            using SegmentFiles log = new(files, _log.Identity, maxSpares: 1);
            using SpareMaker maker = new(files, log, options, _time);
            maker.NoteCreated();
            maker.NoteWritten(5, Quarter);
            maker.Join();
            Assert.True(files.HasFailed, FormattableString.Invariant($"Operation {fault}"));
            Assert.False(log.HasSpare, FormattableString.Invariant($"Operation {fault}"));
            Assert.Empty(files.Names);
            log.Create(6, 1);
            Assert.Equal(["/store/hot-5eed0001-0000000006.seg"], files.Names);
        }
    }

    [Fact]
    public void NoteWritten_NoThreadCanBeStarted_GoesOnWithoutUntilOneCan()
    {
        bool canStart = false;
        using SpareMaker maker = new(_files, _log, SmallStore.Options(Store), _time)
        {
            Start = thread =>
            {
                if (!canStart)
                {
                    throw new OutOfMemoryException();
                }

                thread.Start();
            },
        };
        maker.NoteCreated();
        maker.NoteWritten(4, Quarter);
        maker.Join();
        Assert.False(_log.HasSpare);

        canStart = true;
        maker.NoteCreated();
        maker.NoteWritten(5, Quarter);
        maker.Join();
        Assert.Equal([Zeros], _files.Names);
    }

    [Fact]
    public void NoteWritten_FileSystemFailsAsNobodyExpects_GoesOnWithout()
    {
        using SpareMaker maker = new(new UnexpectedFiles(), _log, SmallStore.Options(Store), _time);
        maker.NoteCreated();
        maker.NoteWritten(5, Quarter);
        maker.Join();
        Assert.False(_log.HasSpare);
    }

    [Fact]
    public async Task Open_ASpareThatWasNotFinished_IsDeletedAndAFinishedOneUsed()
    {
        await using (FasterJournal journal = await SmallStore.OpenAsync(_files, Store))
        {
            SmallStore.Append(journal.Hot, 1);
            await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        }

        Fill(Quarter);
        using (IJournalFile unfinished = _files.Open("/store/hot-5eed0001-0000000001.new.seg", create: true))
        {
            unfinished.Allocate(SegmentBytes);
        }

        await using FasterJournal again = await SmallStore.OpenAsync(_files, Store);
        Assert.DoesNotContain(_files.Names, static name => name.Contains(".new", StringComparison.Ordinal) || name.Contains(".zeros", StringComparison.Ordinal));
        Assert.Equal([1], SmallStore.Numbers(again.Hot));
    }

    [Fact]
    public async Task Journal_UnderLoadThatMakesSpares_FindsEverythingAgain()
    {
        using ScratchDirectory directory = new();
        JournalOptions options = new()
        {
            Directory = directory.Path,
            Hot = SmallStore.Options(directory.Path).Hot,
            Cold = SmallStore.Options(directory.Path).Cold,
            MaxUncommittedBytes = 16 << 10,
            ManifestSlotBytes = 8 << 10,
            BallastBytes = 0,
            FreeSpaceWatermarkBytes = 0,
            MakesSpares = true,
        };
        const int Count = 2_000;
        await using (FasterJournal journal = await FasterJournal.OpenAsync(options, OsFiles.Instance, TimeProvider.System))
        {
            for (int number = 1; number <= Count; number++)
            {
                SmallStore.Append(journal.Hot, number);
                if (number % 16 == 0)
                {
                    await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled);
                }
            }
        }

        await using FasterJournal again = await FasterJournal.OpenAsync(options, OsFiles.Instance, TimeProvider.System);
        Assert.Equal(Enumerable.Range(1, Count).Select(static number => (long)number), SmallStore.Numbers(again.Hot));
    }

    private void Fill(long end, TimeSpan within = default)
    {
        _maker.NoteCreated();
        _time.Advance(within);
        _maker.NoteWritten(5, end);
        _maker.Join();
    }

    // An exception of a thread that nobody takes would end the process.
    private sealed class UnexpectedFiles : IJournalFiles
    {
        public void CreateDirectory(string directory) => throw new InvalidOperationException();

        public IReadOnlyList<string> List(string directory) => throw new InvalidOperationException();

        public bool Exists(string path) => throw new InvalidOperationException();

        public IJournalFile Open(string path, bool create) => throw new InvalidOperationException();

        public IJournalFile OpenToOverwrite(string path) => throw new InvalidOperationException();

        public IJournalFile OpenRead(string path) => throw new InvalidOperationException();

        public void Delete(string path) => throw new InvalidOperationException();

        public void Rename(string from, string to) => throw new InvalidOperationException();

        public void SyncDirectory(string directory) => throw new InvalidOperationException();

        public long GetFreeBytes(string directory) => throw new InvalidOperationException();

        public IDisposable? TryLock(string path, out int holder) => throw new InvalidOperationException();
    }
}
