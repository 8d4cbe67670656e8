using EmbeddedMq.Outbox;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests;

/// <summary>The outbox in an embedded broker's data directory.</summary>
public sealed class EmbeddedOutboxStoreTests : OutboxStoreContract
{
    private readonly string _directory = Directory.CreateTempSubdirectory("embeddedmq-").FullName;
    private Broker? _broker;
    private long _backlogMemoryBytes = new BrokerOptions().BacklogMemoryBytes;
    private long? _memoryHighWatermarkBytes;
    private bool _readsNothing;

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
    public async Task Confirmed_AfterARestart_IsKnownByItsId()
    {
        await AddAsync("a", "b");
        await Store.ConfirmAsync(await TakeAsync(max: 1));
        await ReopenAsync();

        OutboxEntry entry = (await Store.FindAsync("a"))!;

        Assert.Equal(OutboxStatus.Confirmed, entry.Status);
        Assert.True(entry.Message.Message.Body.IsEmpty);
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await AddAsync("a"));
    }

    [Fact]
    public async Task Pending_MoreThanTheWindow_AllComeInOrder()
    {
        const int Count = 10_000;
        const int PerBatch = 500;
        for (int i = 0; i < Count; i += PerBatch)
        {
            await Store.AddAsync([.. Enumerable.Range(i, PerBatch).Select(static id => Make(Text(id), id % 3 == 0 ? $"key {id % 7}" : null))]);
        }

        await ReopenAsync();
        Assert.Equal(Count, (await Store.CountAsync()).Pending);
        HashSet<string> ids = [];
        int last = -1;
        while (await TakeAsync(max: 1_000) is { Count: > 0 } taken)
        {
            foreach (OutboxEntry entry in taken.Where(static entry => entry.Message.OrderKey is not null).GroupBy(static entry => entry.Message.OrderKey).SelectMany(static key => key))
            {
                Assert.True(ids.Add(entry.Message.Id));
            }

            foreach (OutboxEntry entry in taken.Where(static entry => entry.Message.OrderKey is null))
            {
                int number = int.Parse(entry.Message.Id, System.Globalization.CultureInfo.InvariantCulture);
                Assert.True(ids.Add(entry.Message.Id) && number > last, entry.Message.Id);
                last = number;
            }

            await Store.ConfirmAsync(taken);
        }

        Assert.Equal(Count, ids.Count);
        Assert.Equal(default, await Store.CountAsync());
    }

    [Fact]
    public async Task Reopened_OneIsDueLater_ThoseOnDiskThatAreDueAreWaitedFor()
    {
        await AddAsync("later");
        await Store.PostponeAsync(Assert.Single(await TakeAsync()), "no queue", Lease * 10);
        Message large = new(new byte[1_000_000], new MessageProperties { MessageId = "due" });
        await Store.AddAsync([Make("due") with { Message = large }]);

        _backlogMemoryBytes = 1;
        await ReopenAsync();

        Assert.Equal("due", Assert.Single(await TakeAsync()).Message.Id);
    }

    [Fact]
    public async Task Pending_MoreBytesThanMemoryMayHold_WaitOnDiskAndKeepNobodyWaiting()
    {
        const int Count = 64;
        _memoryHighWatermarkBytes = 4 << 20;
        await ReopenAsync();
        for (int i = 0; i < Count; i++)
        {
            OutboxMessage large = Make(Text(i)) with { Message = new Message(new byte[256 << 10], new MessageProperties { MessageId = Text(i) }) };
            Task storing = Store.AddAsync([large]).AsTask();
            await Patiently.YieldUntilAsync(() => storing.IsCompleted, $"storing message {i}", () => Time.Advance(TimeSpan.FromMilliseconds(10)));
            await storing;
        }

        List<string> sent = [];
        while (await TakeAsync() is { Count: > 0 } taken)
        {
            sent.AddRange(taken.Select(static entry => entry.Message.Id));
            await Store.ConfirmAsync(taken);
        }

        Assert.Equal(Enumerable.Range(0, Count).Select(Text), sent);
    }

    [Fact]
    public async Task Add_AnIdWhoseReceiptWasForgotten_IsSentAfterTheOneThatWaits()
    {
        await AddAsync([.. Enumerable.Range(0, EmbeddedOutboxStore.Window).Select(Text)]);
        await Store.AddAsync([Make("twice") with { Message = Message.Text("first") }]);
        Time.Advance(new StorageOptions().IdempotenceRetention + TimeSpan.FromDays(1));
        await Store.AddAsync([Make("twice") with { Message = Message.Text("second") }, Make("behind")]);
        await Store.ConfirmAsync(await TakeAsync(EmbeddedOutboxStore.Window));
        Assert.Equal(3, (await Store.CountAsync()).Pending);

        List<string> sent = [];
        while (await TakeAsync() is { Count: > 0 } taken)
        {
            sent.AddRange(taken.Select(static entry => entry.Message.Id == "twice" ? entry.Message.Message.GetText() : entry.Message.Id));
            await Store.ConfirmAsync(taken);
        }

        Assert.Equal(["first", "behind", "second"], sent);
        Assert.Equal(default, await Store.CountAsync());
        await ReopenAsync();
        Assert.Equal(default, await Store.CountAsync());
    }

    [Fact]
    public async Task Failed_MoreThanAreLoadedAtOnce_HoldNobodyBack()
    {
        const int Count = EmbeddedOutboxStore.MostLoaded;
        const int PerBatch = 1_024;
        for (int i = 0; i < Count; i += PerBatch)
        {
            await Store.AddAsync([.. Enumerable.Range(i, PerBatch).Select(static id => Make(Text(id)))]);
            await Task.WhenAll((await TakeAsync(PerBatch)).Select(entry => Store.FailAsync(entry, "gave up").AsTask()));
        }

        await AddAsync("next");
        Assert.Equal("next", Assert.Single(await TakeAsync()).Message.Id);
        await ReopenAsync();

        Assert.Equal(new OutboxCounts(Pending: 1, Sent: 0, Failed: Count), (await Store.CountAsync()) with { OldestAt = null });
        Assert.Equal("next", Assert.Single(await TakeAsync()).Message.Id);
    }

    [Fact]
    public async Task OrderKey_WithMoreBehindItsFailedMessageThanAreLoadedAtOnce_HoldsBackNoOther()
    {
        const int Count = 40_000;
        const int PerBatch = 1_000;
        await Store.AddAsync([Make("failed", "a")]);
        await Store.FailAsync(Assert.Single(await TakeAsync()), "gave up");
        await AdvanceAsync(TimeSpan.FromSeconds(1));
        DateTimeOffset oldestAt = Now;
        for (int i = 0; i < Count; i += PerBatch)
        {
            await Store.AddAsync([.. Enumerable.Range(i, PerBatch).Select(static id => Make(Text(id), "a"))]);
            await AdvanceAsync(TimeSpan.FromSeconds(1));
        }

        OutboxCounts counts = new(Pending: Count + 2, Sent: 0, Failed: 1) { OldestAt = oldestAt };
        await Store.AddAsync([Make("b1", "b"), Make("b2", "b")]);
        Assert.Equal(counts, await Store.CountAsync());
        IReadOnlyList<OutboxEntry> others = await TakeAsync();
        Assert.Equal(["b1", "b2"], Ids(others));
        await Store.ConfirmAsync(others);
        await ReopenAsync();

        Assert.Equal(counts with { Pending = Count }, await Store.CountAsync());
        await AddAsync("c");
        others = await TakeAsync();
        Assert.Equal(["c"], Ids(others));
        await Store.ConfirmAsync(others);
        Assert.InRange(await Store.ListAsync(OutboxStatus.Pending).CountAsync(), 0, EmbeddedOutboxStore.MostLoaded);
        Assert.Equal(OutboxStatus.Pending, (await FindAsync(Text(Count - 1))).Status);
        Assert.False(await Store.DiscardAsync(Text(Count - 1)));
        await ReopenAsync();

        Assert.True(await Store.RetryAsync("failed"));
        await ExpectInOrderAsync(["failed", .. Enumerable.Range(0, Count).Select(Text)]);
        Assert.Equal(default, await Store.CountAsync());
        await ReopenAsync();
        Assert.Equal(default, await Store.CountAsync());
    }

    [Fact]
    public async Task Wait_WhenTheFailedOneIsDiscardedThatOthersMadeRoomBehind_Completes()
    {
        ((EmbeddedOutboxStore)Store).MostInMemory = 4;
        await Store.AddAsync([Make("failed", "a")]);
        await Store.FailAsync(Assert.Single(await TakeAsync()), "gave up");
        await Store.AddAsync([.. Enumerable.Range(0, 9).Select(static id => Make(Text(id), "a"))]);
        Assert.Equal(9, (await Store.CountAsync()).Pending);
        Assert.Empty(await Store.ListAsync(OutboxStatus.Pending).ToListAsync());
        Task wait = Store.WaitAsync(TimeSpan.FromDays(1)).AsTask();

        Assert.True(await Store.DiscardAsync("failed"));

        await WithinPatienceAsync(wait, "waiting while a failed message was discarded");
        Assert.NotEmpty(await TakeAsync());
    }

    [Fact]
    public async Task Calls_ThatWaitForTheDisk_EndWithTheBroker()
    {
        await AddAsync("a");
        _readsNothing = true;
        await ReopenAsync();
        Assert.False(await Store.RetryAsync("unknown")); // so that it is open
        Task[] waiting = [Store.TakeAsync(1, Lease).AsTask(), Store.CountAsync().AsTask(), Store.WaitAsync(Lease).AsTask()];

        await StopAsync();

        foreach (Task call in waiting.Append(Store.FindAsync("a").AsTask()))
        {
            await Assert.ThrowsAsync<ConnectionException>(() => call.WaitAsync(BrokerFixture.Patience));
        }
    }

    [Fact]
    public async Task Broker_WithAnOutbox_ShowsNothingOfItToOthers()
    {
        await AddAsync("a");

        Assert.Equal(["/"], await _broker!.Management.ListVirtualHostsAsync());
        await Assert.ThrowsAsync<ConnectionException>(async () => await _broker.ConnectAsync(new ConnectionOptions { VirtualHost = "amq.embeddedmq" }));
        Assert.False(await _broker.Management.DeleteVirtualHostAsync("amq.embeddedmq"));
        await Assert.ThrowsAsync<ArgumentException>(async () => await _broker.Management.CreateVirtualHostAsync("amq.embeddedmq"));
    }

    /// <inheritdoc/>
    protected override ValueTask<IOutboxStore> CreateAsync(TimeProvider time) => OpenAgainAsync();

    /// <inheritdoc/>
    protected override async ValueTask<IOutboxStore> OpenAgainAsync()
    {
        await StopAsync();
        BrokerOptions options = new() { DataDirectory = _directory, TimeProvider = Time, RandomSeed = 1, BacklogMemoryBytes = _backlogMemoryBytes, MemoryHighWatermarkBytes = _memoryHighWatermarkBytes };
        options.Storage.FreeSpaceWatermarkBytes = 0;
        options.Storage.ReserveBytes = 0;
        if (_readsNothing)
        {
            options.BacklogStarted = static _ =>
            {
            };
        }

        _broker = await Broker.StartAsync(options);
        return _broker.Outbox;
    }

    private async ValueTask StopAsync()
    {
        if (Interlocked.Exchange(ref _broker, null) is { } broker)
        {
            await broker.DisposeAsync();
        }
    }
}
