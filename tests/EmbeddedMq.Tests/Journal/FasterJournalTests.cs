using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Tests.Journal;

/// <summary>The journal on the real file system.</summary>
public sealed class FasterJournalTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Append_ManySegments_ReadsBackInOrder()
    {
        await using FasterJournal journal = await OpenAsync();
        List<long> addresses = [];
        for (int i = 0; i < 2000; i++)
        {
            addresses.Add(SmallStore.Append(journal.Hot, i, 8 + (i * 37 % 3000)));
        }

        await journal.Hot.FlushAsync(Durability.Synced, TestContext.Current.CancellationToken);

        Assert.Equal(Enumerable.Range(0, 2000).Select(i => (long)i), SmallStore.Numbers(journal.Hot));
        Assert.True(journal.Hot.Segments.Count > 50);
        Assert.Equal(journal.Hot.TailAddress, journal.Hot.SyncedUntil);
        for (int i = 0; i < 2000; i += 13)
        {
            StoredRecord record = journal.Hot.Read(addresses[i]);
            Assert.Equal(SmallStore.Kind, record.Kind);
            Assert.Equal(i, SmallStore.NumberOf(record.Body.Span));
        }
    }

    [Fact]
    public async Task Open_AfterDispose_FindsEverything()
    {
        await using (FasterJournal journal = await OpenAsync())
        {
            Assert.True(journal.Recovery.IsNew);
            for (int i = 0; i < 500; i++)
            {
                SmallStore.Append(journal.Hot, i);
                SmallStore.Append(journal.Cold, i + 10000);
            }
        }

        for (int opening = 0; opening < 3; opening++)
        {
            await using FasterJournal journal = await OpenAsync();
            Assert.False(journal.Recovery.IsNew);
            Assert.Equal(Enumerable.Range(0, 500).Select(i => (long)i), SmallStore.Numbers(journal.Hot));
            Assert.Equal(Enumerable.Range(0, 500).Select(i => i + 10000L), SmallStore.Numbers(journal.Cold));
            Assert.Equal(0, journal.Recovery.TornBytes);
        }
    }

    private Task<FasterJournal> OpenAsync() => SmallStore.OpenAsync(OsFiles.Instance, _scratch.Path);
}
