using EmbeddedMq.Storage;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>Commits of the outbox name places of messages in the journal and note receipts: while one is under way, no checkpoint and no evacuation goes on.</summary>
public sealed class OutboxCommitTests
{
    [Theory]
    [InlineData("add", 2)]
    [InlineData("confirm", 0)]
    [InlineData("postpone", 1)]
    [InlineData("fail", 1)]
    [InlineData("retry", 1)]
    [InlineData("discard", 0)]
    public async Task Commit_UnderWay_IsWaitedForUntilWhatItLeavesIsSettled(string what, long claims)
    {
        using ManualResetEventSlim disk = new(initialState: true);
        await using FaultyBroker broker = new(new FaultyFiles(1) { BeforeWrite = _ => disk.Wait() });
        await broker.StartAsync();
        (IOutboxStore outbox, MessageStore store) = (broker.Broker.Outbox, broker.Broker.Store);
        await outbox.AddAsync([MessageOf("1")]);
        OutboxEntry entry = Assert.Single(await outbox.TakeAsync(1, TimeSpan.FromMinutes(1)));
        if (what is "retry" or "discard")
        {
            await outbox.FailAsync(entry, "why");
        }

        disk.Reset();
        try
        {
            Task commit = Begin(outbox, entry, what);
            Task all = store.Named.WaitForAllAsync(TestContext.Current.CancellationToken).AsTask();
            Assert.False(all.IsCompleted, "Nobody is waited for.");
            disk.Set();

            await all.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
            Assert.Equal(claims, store.Claims.Total);
            await commit;
        }
        finally
        {
            disk.Set();
        }
    }

    [Fact]
    public async Task Disk_ThatCannotBeRead_FailsNothingThatWasStoredAndKeepsBackNothingThatIsInMemory()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        await broker.StartAsync();
        await broker.Broker.Outbox.AddAsync([MessageOf("1")]);
        OutboxEntry first = Assert.Single(await broker.Broker.Outbox.TakeAsync(1, TimeSpan.FromMinutes(1)));
        await broker.Broker.Outbox.PostponeAsync(first, "why", TimeSpan.Zero);
        await broker.Broker.Outbox.AddAsync([.. Enumerable.Range(2, 400).Select(static id => MessageOf($"{id}", bodyBytes: 1_000))]); // more than are read ahead
        await broker.RestartAsync(crash: false);
        IOutboxStore outbox = broker.Broker.Outbox;
        Assert.False(await outbox.DiscardAsync("none")); // what was put aside is read when it is first used
        files.FailReads = true;
        first = Assert.Single(await outbox.TakeAsync(1, TimeSpan.FromMinutes(1)));
        await Assert.ThrowsAsync<JournalException>(async () =>
        {
            while (await outbox.TakeAsync(100, TimeSpan.FromMinutes(1)) is { Count: > 0 } taken)
            {
                await outbox.ConfirmAsync(taken);
            }
        });

        await outbox.AddAsync([MessageOf("new")]);
        await outbox.PostponeAsync(first, null, TimeSpan.Zero);
        Assert.Equal("1", Assert.Single(await outbox.TakeAsync(1, TimeSpan.FromMinutes(1))).Message.Id);
    }

    private static Task Begin(IOutboxStore outbox, OutboxEntry entry, string what) => what switch
    {
        "add" => outbox.AddAsync([MessageOf("2")]).AsTask(),
        "confirm" => outbox.ConfirmAsync([entry]).AsTask(),
        "postpone" => outbox.PostponeAsync(entry, "why", TimeSpan.FromSeconds(1)).AsTask(),
        "fail" => outbox.FailAsync(entry, "why").AsTask(),
        "retry" => outbox.RetryAsync(entry.Message.Id).AsTask(),
        _ => outbox.DiscardAsync(entry.Message.Id).AsTask(),
    };

    private static OutboxMessage MessageOf(string id, int bodyBytes = 1)
        => new() { Id = id, Exchange = "", RoutingKey = "q", Message = new Message(new byte[bodyBytes], new MessageProperties { MessageId = id }) };
}
