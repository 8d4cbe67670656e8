using EmbeddedMq.Errors;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Tests.Journal;

/// <summary>Opening, failing, reopening and closing a store.</summary>
public sealed class JournalLifeTests
{
    private const string Store = "/store";

    private readonly FaultyFiles _files = new(1);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Checkpoint_Saved_IsFoundAgain()
    {
        await using (FasterJournal journal = await SmallStore.OpenAsync(_files, Store))
        {
            Assert.Equal(default, journal.Checkpoint.Address);
            long address = SmallStore.Append(journal.Hot, 1);
            await journal.SaveCheckpointAsync(new CheckpointPoint(address, address, new byte[] { 1, 2, 3 }), Cancelled);
            Assert.Equal(journal.Hot.TailAddress, journal.Hot.SyncedUntil);
        }

        await using FasterJournal again = await SmallStore.OpenAsync(_files, Store);
        Assert.Equal(again.Hot.BeginAddress, again.Hot.SegmentOf(again.Checkpoint.Address) * (32 << 10));
        Assert.Equal([1, 2, 3], again.Checkpoint.Owner.ToArray());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await again.SaveCheckpointAsync(new CheckpointPoint(1, 1, new byte[1025]), Cancelled));
    }

    [Fact]
    public async Task MarkCleanStop_ThenDispose_IsToldAtTheNextOpeningOnly()
    {
        await using (FasterJournal journal = await SmallStore.OpenAsync(_files, Store))
        {
            SmallStore.Append(journal.Hot, 1);
            journal.MarkCleanStop();
        }

        await using (FasterJournal journal = await SmallStore.OpenAsync(_files, Store))
        {
            Assert.True(journal.Recovery.WasCleanStop);
            Assert.Equal([1], SmallStore.Numbers(journal.Hot));
        }

        await using FasterJournal again = await SmallStore.OpenAsync(_files, Store);
        Assert.False(again.Recovery.WasCleanStop);
    }

    [Fact]
    public async Task Release_ManifestCannotBeWritten_FilesGoWithTheReopening()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        long number = 0;
        while (journal.Hot.Segments.Count < 4)
        {
            SmallStore.Append(journal.Hot, ++number, 4_000);
            await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        }

        _files.FailIn(1);
        journal.Hot.ReleaseBefore(journal.Hot.TailAddress);
        await Assert.ThrowsAsync<JournalException>(async () => await journal.SaveCheckpointAsync(default, Cancelled));
        Assert.Equal(JournalState.Failed, journal.State);
        await journal.ReopenAsync(Cancelled);

        Assert.Equal(journal.Hot.Segments.Count + 1, _files.Names.Count(static name => name.StartsWith("/store/hot-", StringComparison.Ordinal))); // one is kept to be written again
    }

    [Fact]
    public async Task Dispose_WithoutFlush_KeepsWhatWasAppended()
    {
        await using (FasterJournal journal = await SmallStore.OpenAsync(_files, Store))
        {
            SmallStore.Append(journal.Hot, 1);
            SmallStore.Append(journal.Cold, 2);
        }

        await using FasterJournal again = await SmallStore.OpenAsync(_files, Store);
        Assert.Equal([1], SmallStore.Numbers(again.Hot));
        Assert.Equal([2], SmallStore.Numbers(again.Cold));
    }

    [Fact]
    public async Task Dispose_LateCallers_AreToldAndNeverHang()
    {
        FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        List<JournalState> states = [];
        journal.StateChanged += (state, _) => states.Add(state);
        await journal.DisposeAsync();
        await journal.DisposeAsync();

        Assert.Equal(JournalState.Closed, journal.State);
        Assert.Equal([JournalState.Closed], states);
        Assert.Equal(JournalAddress.None, SmallStore.Append(journal.Hot, 1));
        JournalException error = await Assert.ThrowsAsync<JournalException>(async () => await journal.Hot.FlushAsync(Durability.Memory, Cancelled));
        Assert.Equal("RESOURCE_ERROR - the store '/store' is closed. Open it again.", error.Message);
        await Assert.ThrowsAsync<JournalException>(async () => await journal.Hot.WaitForRoomAsync(Cancelled));
        await Assert.ThrowsAsync<JournalException>(async () => await journal.SaveCheckpointAsync(default, Cancelled));
    }

    [Fact]
    public async Task Open_Twice_SecondIsRefused()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);

        JournalException error = await Assert.ThrowsAsync<JournalException>(() => SmallStore.OpenAsync(_files, Store));

        Assert.Equal(
            "RESOURCE_ERROR - the store '/store' is in use by another broker of this process. Stop it, or give this broker a directory of its own.", error.Message);
    }

    [Fact]
    public async Task Failure_OfASync_FailsEverybodyUntilReopened()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        SmallStore.Append(journal.Hot, 1);
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        List<JournalState> states = [];
        journal.StateChanged += (state, _) => states.Add(state);
        _files.FailIn(2); // the write works, the sync does not
        SmallStore.Append(journal.Hot, 2);

        JournalException error = await Assert.ThrowsAsync<JournalException>(async () => await journal.Hot.FlushAsync(Durability.Synced, Cancelled));

        Assert.Equal(
            "RESOURCE_ERROR - cannot sync '/store/hot-5eed0001-0000000001.seg': Input/output error : '/store/hot-5eed0001-0000000001.seg'. "
            + "See to the disk and the file system.", error.Message);
        Assert.False(error.IsTransient);
        Assert.Same(error, journal.Failure);
        Assert.Equal(JournalAddress.None, SmallStore.Append(journal.Hot, 3));
        Assert.Same(error, await Assert.ThrowsAsync<JournalException>(async () => await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled)));
        Assert.Same(error, await Assert.ThrowsAsync<JournalException>(async () => await journal.Hot.WaitForRoomAsync(Cancelled)));
        Assert.Equal([1], SmallStore.Numbers(journal.Hot).Take(1)); // what was read before can still be read

        await journal.ReopenAsync(Cancelled);

        Assert.Equal([JournalState.Failed, JournalState.Open], states);
        SmallStore.Append(journal.Hot, 4);
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        Assert.Equal([1, 2, 4], SmallStore.Numbers(journal.Hot)); // 2 was in the file, and has been written again
        Assert.True(journal.Hot.LostFrom < journal.Hot.ResumedAt);
        _files.CutPower();
        await journal.DisposeAsync();
        await using FasterJournal again = await SmallStore.OpenAsync(_files, Store);
        Assert.Equal([1, 2, 4], SmallStore.Numbers(again.Hot));
    }

    [Fact]
    public async Task Failure_OfASync_IsTheStoresStateBeforeAnybodyIsTold()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        _files.FailIn(1);
        _files.FailForEver = true;
        StateWaiter waiter = new(journal);
        SmallStore.Append(journal.Hot, 1);
        journal.Hot.WhenCommitted(waiter);

        await Assert.ThrowsAsync<JournalException>(async () => await journal.Hot.FlushAsync(Durability.Synced, Cancelled));

        Assert.Equal(JournalState.Failed, waiter.Seen);
    }

    [Fact]
    public async Task CreateSegment_SpareIsGone_IsMadeWithout()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        await FillSegmentsAsync(journal, 3);
        journal.Hot.ReleaseBefore(journal.Hot.TailAddress);
        await journal.SaveCheckpointAsync(default, Cancelled);
        string spare = Assert.Single(_files.Names, static name => name.Contains(".spare", StringComparison.Ordinal));
        _files.Move(spare, null);

        await FillSegmentsAsync(journal, 2);

        Assert.Equal(JournalState.Open, journal.State);
    }

    [Fact]
    public async Task Reopen_FailsSeveralTimesWithASegmentMade_LeavesNoFilesBehind()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        SmallStore.Append(journal.Hot, 1);
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        _files.FailIn(1);
        SmallStore.Append(journal.Hot, 2);
        await Assert.ThrowsAsync<JournalException>(async () => await journal.Hot.FlushAsync(Durability.Synced, Cancelled));
        _files.BeforeWrite = static path => _ = path.Contains("MANIFEST", StringComparison.Ordinal) ? throw new IOException("No.") : 0;
        for (int i = 0; i < 4; i++)
        {
            await Assert.ThrowsAsync<JournalException>(async () => await journal.ReopenAsync(Cancelled));
        }

        _files.BeforeWrite = static _ => { };
        await journal.ReopenAsync(Cancelled);

        Assert.Equal(2, journal.Hot.Segments.Count);
        Assert.Equal(3, _files.Names.Count(static name => name.Contains("hot-", StringComparison.Ordinal))); // and one that is kept to be written again
    }

    private static async Task FillSegmentsAsync(FasterJournal journal, int count)
    {
        for (long end = journal.Hot.TailAddress + (count * journal.Hot.SegmentBytes); journal.Hot.TailAddress < end;)
        {
            SmallStore.Append(journal.Hot, 1, 1_000);
            await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled);
        }
    }

    [Fact]
    public async Task Reopen_EndsWithWhatNobodyExpects_TakesNothingAndIsTriedAgain()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        SmallStore.Append(journal.Hot, 1);
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        _files.FailIn(1);
        await Assert.ThrowsAsync<JournalException>(async () => await journal.SaveCheckpointAsync(default, Cancelled));
        _files.BeforeWrite = static _ => throw new InvalidOperationException("what nobody expects");

        JournalException error = await Assert.ThrowsAsync<JournalException>(async () => await journal.ReopenAsync(Cancelled));

        Assert.Contains("stopped: what nobody expects", error.Message, StringComparison.Ordinal);
        Assert.Equal((JournalState.Failed, error), (journal.State, journal.Failure));
        Assert.Equal(JournalAddress.None, SmallStore.Append(journal.Hot, 2));
        await Assert.ThrowsAsync<JournalException>(async () => await journal.Hot.FlushAsync(Durability.OsBuffered, Cancelled));
        _files.BeforeWrite = static _ => { };
        await journal.ReopenAsync(Cancelled);
        SmallStore.Append(journal.Hot, 3);
        await journal.Hot.FlushAsync(Durability.Synced, Cancelled);
        Assert.Equal([1, 3], SmallStore.Numbers(journal.Hot));
    }

    [Fact]
    public async Task Reopen_NotFailed_Throws()
    {
        await using FasterJournal journal = await SmallStore.OpenAsync(_files, Store);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await journal.ReopenAsync(Cancelled));
    }

    [Fact]
    public async Task MemoryJournal_EverythingIsDoneAtOnce()
    {
        await using MemoryJournal journal = new();
        Assert.False(journal.IsDurable);
        Assert.Equal(JournalAddress.None, SmallStore.Append(journal.Hot, 1));
        Assert.True(journal.Hot.FlushAsync(Durability.Synced, Cancelled).AsTask().IsCompletedSuccessfully);
        Assert.True(journal.Hot.WaitForRoomAsync(Cancelled).AsTask().IsCompletedSuccessfully);
        Assert.Empty(SmallStore.Numbers(journal.Cold));
        Assert.True(journal.SaveCheckpointAsync(default, Cancelled).AsTask().IsCompletedSuccessfully);
    }

    [Theory]
    [InlineData(24, "The process has too many files open: raise its limit (ulimit -n).", true)]
    [InlineData(28, "Make room on the disk.", true)]
    [InlineData(30, "The broker needs to read and write all files of its store: mend the permissions, or choose another directory.", false)]
    [InlineData(5, "See to the disk and the file system.", false)]
    public void FileFailed_KnownError_SaysWhatToDo(int errno, string advice, bool isTransient)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Error numbers differ.");

        JournalException error = MqErrors.FileFailed("open", "/store/x", new IOException("What it said", errno));

        Assert.Equal($"RESOURCE_ERROR - cannot open '/store/x': What it said. {advice}", error.Message);
        Assert.Equal(isTransient, error.IsTransient);
        Assert.Equal(ReplyCode.ResourceError, error.ReplyCode);
        Assert.Equal("/store/x", error.Subject);
    }

    // Sees the state on the journal's own thread, where it is told.
    private sealed class StateWaiter(FasterJournal journal) : CommitWaiter(Durability.Synced)
    {
        public JournalState? Seen { get; private set; }

        public override void Complete(JournalException? failure) => Seen = journal.State;
    }
}
