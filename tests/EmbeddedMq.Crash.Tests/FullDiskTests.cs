using System.Diagnostics;
using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A disk that runs full costs the broker its publishers for a while, and nobody a confirmed message.</summary>
public sealed class FullDiskTests
{
    private const string Store = "/store";

    [Fact]
    public async Task FullDisk_WithBallast_GoesOnInLowSpaceUntilThereIsRoom()
    {
        FaultyFiles files = new(1) { Capacity = 400 << 10 };
        FakeTimeProvider time = new();
        await using FasterJournal journal = await FasterJournal.OpenAsync(
            SmallStore.Options(Store, ballastBytes: 64 << 10, watermarkBytes: 64 << 10), files, time);
        List<JournalState> states = [];
        journal.StateChanged += (state, _) => states.Add(state);
        Assert.Equal(JournalState.Open, journal.State);

        int number = 0;
        while (journal.State == JournalState.Open)
        {
            await AppendAsync(journal, ++number);
        }

        Assert.Equal(JournalState.LowSpace, journal.State);
        Assert.Contains("less than the watermark of 65536", journal.Failure!.Message, StringComparison.Ordinal);
        Assert.True(journal.Failure.IsTransient);

        // Settles go on, at last with the ballast's room.
        while (files.Names.Contains("/store/BALLAST"))
        {
            await AppendAsync(journal, ++number);
        }

        await journal.SaveCheckpointAsync(new CheckpointPoint(1, journal.Hot.TailAddress, default), TestContext.Current.CancellationToken);
        journal.Hot.ReleaseBefore(journal.Hot.TailAddress);
        await journal.SaveCheckpointAsync(new CheckpointPoint(1, journal.Hot.TailAddress, default), TestContext.Current.CancellationToken);

        Assert.Equal([JournalState.LowSpace, JournalState.Open], states);
        Assert.Contains("/store/BALLAST", files.Names);
    }

    [Fact]
    public async Task FullManifest_LeavesRoomForOpeningsAndGoesOnWhenSegmentsAreReleased()
    {
        FaultyFiles files = new(1);
        JournalOptions options = SmallStore.Options(Store, slotBytes: 4 << 10);
        FasterJournal journal = await FasterJournal.OpenAsync(options, files, TimeProvider.System);
        int number = 0;
        while (journal.State == JournalState.Open)
        {
            SmallStore.Append(journal.Cold, ++number, 6_000); // two to a segment
            await journal.Cold.FlushAsync(Durability.OsBuffered, TestContext.Current.CancellationToken);
        }

        Assert.Contains("nearly as many segments as it can have", journal.Failure!.Message, StringComparison.Ordinal);
        for (int i = 0; i < 5; i++)
        {
            await journal.DisposeAsync();
            journal = await FasterJournal.OpenAsync(options, files, TimeProvider.System);
            Assert.Equal(JournalState.LowSpace, journal.State);
        }

        foreach (SegmentInfo segment in journal.Cold.Segments.Take(40))
        {
            journal.Cold.ReleaseSegment(segment.Id);
        }

        await journal.SaveCheckpointAsync(default, TestContext.Current.CancellationToken);
        Assert.Equal(JournalState.Open, journal.State);
        await journal.DisposeAsync();
    }

    [Fact]
    public async Task FullDisk_WhenTheStoreIsOpened_OpensWithTheBallastsRoom()
    {
        FaultyFiles files = new(1);
        await using (FasterJournal journal = await FasterJournal.OpenAsync(SmallStore.Options(Store, ballastBytes: 64 << 10), files, TimeProvider.System))
        {
            await AppendAsync(journal, 1);
        }

        files.Capacity = files.Names.Sum(name => (long)files.LengthOf(name));
        await using FasterJournal again = await FasterJournal.OpenAsync(SmallStore.Options(Store, ballastBytes: 64 << 10), files, TimeProvider.System);

        Assert.Equal(JournalState.LowSpace, again.State);
        Assert.Equal([1], SmallStore.Numbers(again.Hot));
    }

    [Fact]
    public async Task FullDisk_WithFilesKeptToBeWrittenAgain_GivesThemUpFirst()
    {
        FaultyFiles files = new(1) { Capacity = 600 << 10 };
        await using FasterJournal journal = await FasterJournal.OpenAsync(
            SmallStore.Options(Store, watermarkBytes: 64 << 10, spares: 8), files, TimeProvider.System);
        int number = 0;
        while (journal.Hot.Segments.Count < 9)
        {
            await AppendAsync(journal, ++number);
        }

        for (int i = 0; i < 2; i++)
        {
            journal.Hot.ReleaseBefore(journal.Hot.TailAddress);
            await journal.SaveCheckpointAsync(new CheckpointPoint(1, journal.Hot.TailAddress, default), TestContext.Current.CancellationToken);
        }

        Assert.Equal(8, SpareCount());
        while (SpareCount() > 0)
        {
            SmallStore.Append(journal.Cold, ++number, 900);
            await journal.Cold.FlushAsync(Durability.Synced, TestContext.Current.CancellationToken);
            Assert.Equal(JournalState.Open, journal.State);
        }

        await AppendAsync(journal, ++number);

        int SpareCount() => files.Names.Count(static name => name.Contains("spare", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FullDisk_NothingLeft_FailsAndReopensWithoutLoss()
    {
        FaultyFiles files = new(1) { Capacity = 200 << 10 };
        await using FasterJournal journal = await SmallStore.OpenAsync(files, Store);
        int number = 0;
        JournalException error = await Assert.ThrowsAsync<JournalException>(async () =>
        {
            while (true)
            {
                await AppendAsync(journal, number + 1);
                number++;
            }
        });

        Assert.Contains("No space left on device", error.Message, StringComparison.Ordinal);
        Assert.True(error.IsTransient);
        Assert.Equal(JournalState.Failed, journal.State);
        Assert.Equal(JournalAddress.None, SmallStore.Append(journal.Hot, 0));
        await Assert.ThrowsAsync<JournalException>(async () => await journal.ReopenAsync(TestContext.Current.CancellationToken));
        Assert.Equal(JournalState.Failed, journal.State);

        files.Capacity = long.MaxValue;
        await journal.ReopenAsync(TestContext.Current.CancellationToken);

        Assert.Equal(JournalState.Open, journal.State);
        long lost = journal.Hot.LostFrom;
        Assert.NotEqual(JournalAddress.None, lost);
        await AppendAsync(journal, number + 100);
        List<long> found = SmallStore.Numbers(journal.Hot);
        Assert.Equal(Enumerable.Range(1, number).Select(n => (long)n), found.Take(number));
        Assert.Equal(number + 100, found[^1]);
    }

    [Fact]
    public async Task FullDisk_RealTmpfs_FailsAndReopensWithoutLoss()
    {
        using ScratchDirectory scratch = new();
        Assert.SkipUnless(await RunAsync("mount", "-t", "tmpfs", "-o", "size=300k", "none", scratch.Path), "Mounting is not permitted here.");
        try
        {
            await using FasterJournal journal = await SmallStore.OpenAsync(OsFiles.Instance, Path.Combine(scratch.Path, "store"));
            string filler = Path.Combine(scratch.Path, "filler");
            await File.WriteAllBytesAsync(filler, new byte[100 << 10], TestContext.Current.CancellationToken);
            int number = 0;
            JournalException error = await Assert.ThrowsAsync<JournalException>(async () =>
            {
                while (true)
                {
                    await AppendAsync(journal, number + 1);
                    number++;
                }
            });
            Assert.Contains("No space left on device", error.Message, StringComparison.Ordinal);

            File.Delete(filler);
            await journal.ReopenAsync(TestContext.Current.CancellationToken);

            await AppendAsync(journal, number + 100);
            Assert.Equal(Enumerable.Range(1, number).Select(n => (long)n), SmallStore.Numbers(journal.Hot).Take(number));
        }
        finally
        {
            Assert.True(await RunAsync("umount", scratch.Path));
        }
    }

    [Fact]
    public async Task Open_ReadOnlyFileSystem_RefusesAndSaysWhatToDo()
    {
        using ScratchDirectory scratch = new();
        Assert.SkipUnless(await RunAsync("mount", "-t", "tmpfs", "-o", "size=300k,ro", "none", scratch.Path), "Mounting is not permitted here.");
        try
        {
            JournalException error = await Assert.ThrowsAsync<JournalException>(() => SmallStore.OpenAsync(OsFiles.Instance, scratch.Path));

            Assert.Contains(Path.Combine(scratch.Path, "LOCK"), error.Message, StringComparison.Ordinal);
            Assert.EndsWith("mend the permissions, or choose another directory.", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            Assert.True(await RunAsync("umount", scratch.Path));
        }
    }

    [Fact]
    public async Task Receipts_OnAFullDisk_AreFoundAndGoThereWhenThereIsRoom()
    {
        const int Count = 2_000_000; // a third of them does not fit into memory
        using ScratchDirectory scratch = new();
        Assert.SkipUnless(await RunAsync("mount", "-t", "tmpfs", "-o", "size=8m", "none", scratch.Path), "Mounting is not permitted here.");
        try
        {
            string directory = Path.Combine(scratch.Path, "receipts");
            using FasterReceiptIndex index = new(directory, 2 * Count, TimeSpan.FromDays(7), TimeProvider.System, OsFiles.Instance);
            Task putting = Task.Run(() => Put(index, 0, Count));
            await putting.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
            Assert.Equal(0, MissingOf(index, Count));

            Assert.True(await RunAsync("mount", "-o", "remount,size=200m", scratch.Path));
            Put(index, Count, 200_000);
            await Patiently.YieldUntilAsync(() => new DirectoryInfo(directory).EnumerateFiles().Sum(static file => file.Length) > 24 << 20, "the pages to be written");

            Assert.Equal(0, MissingOf(index, Count + 200_000));
        }
        finally
        {
            Assert.True(await RunAsync("umount", scratch.Path));
        }

        static UInt128 KeyOf(int number) => new((ulong)number * 0x9E3779B97F4A7C15, (ulong)number * 0xC2B2AE3D27D4EB4F);

        static void Put(FasterReceiptIndex index, int first, int count)
        {
            long nowUtcMs = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            for (int i = first; i < first + count; i++)
            {
                index.Put(KeyOf(i), new IndexedReceipt((UInt128)i, 1, nowUtcMs));
            }
        }

        static int MissingOf(FasterReceiptIndex index, int count)
            => Enumerable.Range(0, count / 997).Count(i => !index.TryFind(KeyOf(i * 997), out IndexedReceipt found) || found.Fingerprint != (UInt128)(i * 997));
    }

    private static async Task AppendAsync(FasterJournal journal, long number)
    {
        SmallStore.Append(journal.Hot, number, 2000);
        await journal.Hot.FlushAsync(Durability.Synced, TestContext.Current.CancellationToken);
    }

    private static async Task<bool> RunAsync(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
