using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmbeddedMq.Tests.Queues.Backlog;

/// <summary>What is appended once more under a queue's gate is appended while the journal has room: nobody who wants the queue waits for the disk.</summary>
public sealed class StoreAgainTests : IAsyncDisposable
{
    private const int Count = 60; // of 1 KB: more than the log has memory for
    private const int HalfCount = Count / 2;

    private readonly ManualResetEventSlim _disk = new(initialState: true);
    private readonly QueueStand _stand = new(new BacklogSettings { BudgetBytes = long.MaxValue });
    private FasterJournal _journal = null!;
    private MessageStore _store = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _disk.Set();
        await _store.DisposeAsync();
        _stand.Dispose();
        _disk.Dispose();
    }

    [Fact]
    public async Task StoreAgain_DiskStandsStill_LeavesTheGateAndGoesOnWhenThereIsRoom()
    {
        Queue queue = await FillAsync(static _ => 0);
        EvacuationPass pass = new(0, static entry => entry.StoredAt == 0);

        await RunAsync(queue, () => queue.StoreAgain(pass));

        Assert.Equal(Count, _store.Claims.Total);
        AssertOrder(queue, HalfCount);
    }

    [Fact]
    public async Task StoreAgain_ThoseThatWaitedComeInBesideIt_AreStoredToo()
    {
        Queue queue = await FillAsync(static _ => 0);
        EvacuationPass pass = new(0, static entry => entry.StoredAt == 0);
        await FinishAsync(() => queue.StoreAgain(pass) && pass.Level == 0);

        AssertOrder(queue, HalfCount); // each makes room for one that waits, behind all that has been looked at
        await FinishAsync(() => queue.StoreAgain(pass));

        AssertOrder(queue, HalfCount, HalfCount);
    }

    [Fact]
    public async Task StoreAgain_AsManyAreHandedOverAsASliceTakes_StoresWhatWasPutBackToo()
    {
        LogSizes sizes = new() { PageBytes = 64 << 10, MemoryBytes = 4 << 20, SegmentBytes = 1 << 20 };
        await OpenAsync(new JournalOptions { Directory = "/store", Hot = sizes, Cold = sizes, MaxUncommittedBytes = 2 << 20, BallastBytes = 0, FreeSpaceWatermarkBytes = 0 });
        Queue queue = _stand.Declare(new QueueDeclaration("q") { IsDurable = true }, _store.TryAddQueue());
        List<QueueEntry> entries = [];
        for (int i = 0; i <= AwayRun.MaxCount; i++)
        {
            PendingPublish? pending = null;
            queue.Enqueue(Message.Text("m", MessageProperties.Persistent), "", "q", 0, ref pending);
            Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
            entries.Add(entry);
        }

        queue.Requeue([], [entries[^1]]);
        EvacuationPass pass = new(0, static entry => entry.StoredAt == 0);
        await FinishAsync(() => queue.StoreAgain(pass));

        Assert.DoesNotContain(entries, static entry => entry.StoredAt == 0);
    }

    [Fact]
    public async Task StoreAgain_DeathIsNotCarriedOutYet_StoresThatTooUntilItIs()
    {
        await OpenAsync(SmallStore.Options("/store"));
        Queue queue = _stand.Declare(new QueueDeclaration("q") { IsDurable = true }.DeadLetterTo("dead"), _store.TryAddQueue());
        Enqueue(queue, 0, Append(0));
        Enqueue(queue, 1, 0);
        Assert.True(queue.TryAcquire(out QueueEntry? first, out _, out _));
        Assert.True(queue.TryAcquire(out QueueEntry? second, out _, out _));
        ulong storedAt = 0;
        _stand.OnDead = dead =>
        {
            if (dead == first)
            {
                queue.Reject(second); // carried out behind this
                EvacuationPass pass = new(0, static entry => entry.StoredAt == 0);
                while (queue.StoreAgain(pass))
                {
                }

                storedAt = second.StoredAt;
            }
        };

        queue.Reject(first);

        Assert.NotEqual(0ul, storedAt);
        Assert.Equal(2, _stand.Dead.Count);
        Assert.Equal(0, _store.Claims.Total);
    }

    [Fact]
    public async Task MoveWaiting_DiskStandsStill_LeavesTheGateAndGoesOnWhenThereIsRoom()
    {
        Queue queue = await FillAsync(Append);
        ulong below = new StoredId(_journal.Hot.TailAddress, 0).Value;
        await _journal.Hot.FlushAsync(Durability.Synced, Token);

        await RunAsync(queue, () => queue.MoveWaiting(below));

        Assert.Equal(Count, _store.Claims.Total);
        AssertOrder(queue, HalfCount);
        Assert.True(queue.TryAcquire(out QueueEntry? waited, out _, out _));
        Assert.InRange(waited.StoredAt, below, ulong.MaxValue);
    }

    [Fact]
    public async Task MoveWaiting_RoomInTheQueueBesideIt_LetsNobodyInBeforeAllHaveMoved()
    {
        Queue queue = await FillAsync(Append);
        ulong below = new StoredId(_journal.Hot.TailAddress, 0).Value;
        await _journal.Hot.FlushAsync(Durability.Synced, Token);

        await RunAsync(queue, () => queue.MoveWaiting(below), () => AssertOrder(queue, HalfCount));

        Assert.Equal(HalfCount, queue.Describe().ReadyCount);
        AssertOrder(queue, HalfCount, HalfCount);
    }

    [Fact]
    public async Task MoveWaiting_OneCameInBesideIt_MovesThatBehindThoseBeforeIt()
    {
        Queue queue = await FillAsync(Append);
        ulong id = Append(Count); // and before it comes to the queue, the others move
        ulong below = new StoredId(_journal.Hot.TailAddress, 0).Value;
        await FinishAsync(() => queue.MoveWaiting(below));
        Enqueue(queue, Count, id);

        await FinishAsync(() => queue.MoveWaiting(0));

        AssertOrder(queue, Count + 1);
    }

    private async Task OpenAsync(JournalOptions options)
    {
        FaultyFiles files = new(1) { BeforeWrite = _ => _disk.Wait() };
        _journal = await FasterJournal.OpenAsync(options, files, TimeProvider.System);
        ReceiptRetention retention = new(TimeSpan.FromHours(1), 100);
        _store = new MessageStore(
            _journal, Durability.Synced, TimeProvider.System, NullLogger.Instance, retention, new MemoryReceiptIndex(retention.Count, retention.Time, TimeProvider.System));
    }

    // Half of them are in the queue, the others wait for room.
    private async Task<Queue> FillAsync(Func<int, ulong> storedAt)
    {
        await OpenAsync(SmallStore.Options("/store"));
        Queue queue = _stand.Declare(new QueueDeclaration("q") { IsDurable = true }.MaxLength(HalfCount, Overflow.BlockPublisher), _store.TryAddQueue());
        for (int i = 0; i < Count; i++)
        {
            Enqueue(queue, i, storedAt(i));
        }

        Assert.Equal(HalfCount, queue.Describe().WaitingPublishCount);
        return queue;
    }

    private async Task RunAsync(Queue queue, Func<bool> work, Action? beside = null)
    {
        _disk.Reset();
        Task<bool> first = Task.Run(work, Token);
        Assert.True(await BrokerFixture.WithinPatienceAsync(new ValueTask<bool>(first), "the first slice, of what the journal has room for"));
        Assert.Equal(HalfCount, queue.Describe().ReadyCount);
        beside?.Invoke();
        _disk.Set();
        await FinishAsync(work);
    }

    private async Task FinishAsync(Func<bool> work)
    {
        do
        {
            await _journal.Hot.WaitForRoomAsync(Token);
        }
        while (work());
    }

    private static void AssertOrder(Queue queue, int count, int first = 0)
    {
        ulong last = 0;
        for (int i = first; i < first + count; i++)
        {
            Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
            Assert.Equal(Text(i), entry.Message.GetText());
            Assert.InRange(entry.StoredAt, last + 1, ulong.MaxValue);
            last = entry.StoredAt;
        }
    }

    private ulong Append(int number)
        => _store.Append("", "q", Message.Text(Text(number), MessageProperties.Persistent), [new QueueRef(1, QueueRef.NoTtl)]);

    private static void Enqueue(Queue queue, int number, ulong storedAt)
    {
        PendingPublish? pending = null;
        queue.Enqueue(Message.Text(Text(number), MessageProperties.Persistent), "", "q", storedAt, ref pending);
    }

    private static string Text(int number) => $"{number} {new string('x', 1_000)}";
}
