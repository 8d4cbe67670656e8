using System.Globalization;
using EmbeddedMq.Channels;
using EmbeddedMq.Journal;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>Commits of acknowledgement, publish and receipt on a disk that fails: each is there whole or not at all, whatever was said of it.</summary>
public sealed class CommitFaultTests
{
    private const int Commits = 12;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

    [Theory]
    [InlineData(false, "stop")]
    [InlineData(false, "kill")]
    [InlineData(false, "power")]
    [InlineData(true, "kill")]
    [InlineData(true, "power")]
    public async Task Commits_NthOperationFails_EachIsThereWholeOrNotAtAll(bool forEver, string end)
    {
        int seed = Seeds.Pick(300);
        bool hasFailed = true;
        int failures = 0;
        for (int n = 1; hasFailed; n++)
        {
            FaultyFiles files = new(seed + n);
            await using FaultyBroker broker = new(files);
            Channel channel = (Channel)await broker.StartAsync();
            ulong[] tags = await DeclareAndGetAsync(channel);
            files.FailIn(n);
            files.FailForEver = forEver;
            List<Task<bool>> commits = [];
            for (int i = 0; i < Commits; i++)
            {
                commits.Add(TryCommitAsync(channel, tags[i], i));
                if (i % 3 == 2)
                {
                    await Task.WhenAny(Task.WhenAll(commits), Task.Delay(Moment, TimeProvider.System)); // so that not all share one sync
                }
            }

            bool?[] answers = new bool?[Commits];
            if (!forEver)
            {
                await MendAsync(broker, files, Task.WhenAll(commits));
            }

            for (int i = 0; i < Commits; i++)
            {
                answers[i] = commits[i].IsCompleted ? await commits[i] : null;
            }

            hasFailed = files.HasFailed;
            if (!forEver && n % 2 == 0)
            {
                // What was refused has not happened: it can be done again, once.
                for (int i = 0; i < Commits; i++)
                {
                    failures += answers[i] == false ? 1 : 0;
                    answers[i] = answers[i] == true || await TryCommitAsync(channel, tags[i], i);
                    Assert.True(answers[i], $"Operation {n}, commit {i} was refused again: {broker.Broker.Journal.Failure}");
                }
            }

            channel = (Channel)await broker.RestartAsync(crash: end != "stop", cutPower: end == "power");
            await CheckAsync(broker, channel, answers, mayDiffer: forEver, $"Operation {n}, seed {seed + n}");
        }

        Assert.True(forEver || failures > 0, "No commit was ever refused.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Receipts_EvacuationFailsAtTheNthOperation_AreAllKnown(bool cutPower)
    {
        const int Count = 3_000;
        bool hasFailed = true;
        for (int n = 1; hasFailed; n += 1 + (n / 3))
        {
            FaultyFiles files = new(n);
            await using FaultyBroker broker = new(files);
            await broker.StartAsync();
            for (int round = 0; round < 5; round++)
            {
                await Task.WhenAll(Enumerable.Range(round * Count, Count).Select(i => ProcessAsync(broker.Broker.Idempotence, i)));
            }

            files.FailIn(n);
            await broker.Broker.KeepStoreShortAsync();
            hasFailed = files.HasFailed;
            await broker.HealAsync();
            await broker.Broker.KeepStoreShortAsync();
            Assert.True(broker.Broker.Journal.Cold.TailAddress > 100_000, $"{broker.Broker.Journal.Cold.TailAddress} bytes in the cold log.");
            await broker.RestartAsync(crash: true, cutPower);

            Assert.Equal(5 * Count, broker.Broker.Store.Receipts.Count);
            for (int i = 0; i < 5 * Count; i += 97)
            {
                Assert.True(IsKnown(broker, "s", i), $"Operation {n}: {i} is lost.");
            }
        }
    }

    /// <summary>What is only with the operating system may go with a sync that fails. A receipt is in memory then, and is stored again.</summary>
    [Theory]
    [InlineData(Durability.OsBuffered)]
    [InlineData(Durability.Memory)]
    public async Task Receipts_GoWithAFailedSyncThatNobodyWaitedFor_AreKnownAfterAStop(Durability durability)
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files) { Durability = durability };
        Channel channel = (Channel)await broker.StartAsync();
        await ProcessAsync(broker.Broker.Idempotence, 0);
        for (int failure = 1; failure <= 3; failure++)
        {
            // One by itself, and so many at once that the commit takes several records.
            await ProcessAsync(broker.Broker.Idempotence, failure);
            await channel.CommitAsync(default, [], [.. Enumerable.Range(1, 3_000).Select(i => new Receipt(ReceiptKey.Of($"many {failure}", $"{i}"), 1, 1, 1_900_000_000_000))]);
            (files.FailSyncsOf, files.ForgetsWhatFailed) = ("hot", true);
            await Assert.ThrowsAsync<JournalException>(async () => await broker.Broker.Journal.Hot.FlushAsync(Durability.Synced, TestContext.Current.CancellationToken));
            files.FailSyncsOf = null;
            await Patiently.YieldUntilAsync(
                () => broker.Broker.Journal.State == JournalState.Open && !broker.Broker.Store.IsMending, "the store to be mended", () => broker.Time.Advance(TimeSpan.FromSeconds(1)));
        }

        await broker.RestartAsync(crash: false);

        Assert.All(Enumerable.Range(0, 4), number => Assert.True(IsKnown(broker, "s", number), $"{number} is lost."));
        Assert.All(Enumerable.Range(1, 3), failure => Assert.True(
            Enumerable.Range(1, 3_000).All(i => IsKnown(broker, $"many {failure}", i)), $"Some of the commit before failure {failure} are lost."));
    }

    /// <summary>The record of the commit names the message's place in the journal; then the message moves into a block, and the disk fails before the commit
    /// has its answer. The checkpoint that ends the failure must not say that the message is alive in the block.</summary>
    [Fact]
    public async Task Commit_MessageMovesAndTheDiskFailsBeforeTheAnswer_KilledThen_HasHappened()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        Channel channel = (Channel)await broker.StartAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        for (int i = 0; i < 90; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i} {new string('x', 15_000)}", MessageProperties.Persistent));
        }

        Queue queue = (Queue)channel.Host.FindQueue("q")!;
        Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
        MessageStore store = broker.Broker.Store;
        TaskCompletionSource moving = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using ManualResetEventSlim disk = new();
        files.BeforeWrite = path =>
        {
            if (Path.GetFileName(path).StartsWith("cold", StringComparison.Ordinal) && moving.TrySetResult())
            {
                disk.Wait();
            }
        };
        Task keeping = Task.Run(() => broker.Broker.KeepStoreShortAsync().AsTask(), TestContext.Current.CancellationToken);
        await moving.Task.WaitAsync(BrokerFixture.Patience, TestContext.Current.CancellationToken);
        int phase = store.Named.Enter(); // only now: the evacuation has waited for those before it
        store.AppendCommit([], [new StoredSource(queue.Stored, entry)], [new Receipt(ReceiptKey.Of("q", "0"), 1, 1, 1_900_000_000_000)], out ulong endedAt);
        disk.Set();
        await store.FlushAsync(TestContext.Current.CancellationToken);
        while (entry.Block is null)
        {
            Assert.False(keeping.IsCompleted, "The message has not moved.");
            await Task.Yield();
        }

        files.FailForEver = true;
        files.FailIn(1);
        Task publishing = channel.PublishAsync("", "q", Message.Text("failing", MessageProperties.Persistent)).AsTask(); // refused; or it waits, if the disk has failed before
        await keeping;
        ValueTask<bool> answer = store.IsSafeAsync(endedAt);
        Task healing = broker.HealAsync();
        Assert.True(await answer);
        await Task.WhenAny(healing, Task.Delay(10 * Moment, TimeProvider.System)); // a checkpoint that did not wait for the commit would be written by now
        List<FaultyFiles> killed = [files.Copy(1)];
        queue.Acknowledge(entry);
        killed.Add(files.Copy(2));
        Assert.False(healing.IsCompleted);
        store.Named.Leave(phase);
        await healing;
        await Task.WhenAny(publishing);
        killed.Add(files.Copy(3));

        foreach (FaultyFiles left in killed)
        {
            await using FaultyBroker again = new(left);
            List<string> found = await DrainAsync(await again.StartAsync(), "q");
            Assert.True(IsKnown(again, "q", 0));
            Assert.Equal(Enumerable.Range(1, 89), found.Where(static text => text != "failing").Select(static text => int.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StoreAgain_MessageIsSettledBesideIt_LeavesNothingAliveInTheJournal(bool byARecord)
    {
        await using FaultyBroker broker = new(new FaultyFiles(1));
        Channel channel = (Channel)await broker.StartAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        await channel.PublishAsync("", "q", Message.Text("0", MessageProperties.Persistent));
        Queue queue = (Queue)channel.Host.FindQueue("q")!;
        Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
        ulong storedAt = entry.StoredAt;
        broker.Broker.Store.BeginMending();
        if (byARecord)
        {
            entry.HasLeft = true;
            broker.Broker.Store.Release(entry);
        }
        else
        {
            queue.Acknowledge(entry);
        }

        Assert.True(queue.Stored!.StoreAgain(entry, QueueRef.NoTtl));

        Assert.Equal((storedAt, 0), (entry.StoredAt, broker.Broker.Store.Claims.Total));
        broker.Broker.Store.WriteNotesAgain();
        broker.Broker.Store.EndMending();
        broker.Broker.Store.WriteNotes();
        await broker.Broker.Store.FlushAsync(TestContext.Current.CancellationToken);
        channel = (Channel)await broker.RestartAsync(crash: true);
        Assert.Equal(byARecord ? ["0"] : [], await DrainAsync(channel, "q")); // the record that says so was not written here
    }

    private static async Task ProcessAsync(IIdempotenceStore store, int number)
    {
        await using IIdempotenceClaim claim = await store.ClaimAsync(
            new ClaimRequest { Key = new IdempotenceKey("s", $"{number}", default), Lease = TimeSpan.FromMinutes(1) });
        Assert.Equal(ClaimOutcome.Claimed, claim.Outcome);
        await claim.CompleteAsync([]);
    }

    private static async Task<ulong[]> DeclareAndGetAsync(Channel channel)
    {
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        await channel.DeclareQueueAsync("out", static q => q.Durable());
        ulong[] tags = new ulong[Commits];
        for (int i = 0; i < Commits; i++)
        {
            Assert.True((await channel.TryPublishAsync("", "q", Message.Text($"{i}", MessageProperties.Persistent))).IsConfirmed);
        }

        for (int i = 0; i < Commits; i++)
        {
            tags[i] = (await channel.GetAsync("q"))!.Delivery.DeliveryTag;
        }

        return tags;
    }

    private static async Task<bool> TryCommitAsync(Channel channel, ulong tag, int number)
    {
        try
        {
            OutboxMessage outgoing = new() { Id = $"{number}", Exchange = "", RoutingKey = "out", Message = Message.Text($"{number}", MessageProperties.Persistent) };
            await channel.CommitAsync(new[] { tag }, [outgoing], [new Receipt(ReceiptKey.Of("q", $"{number}"), 1, 1, 1_900_000_000_000)]);
            return true;
        }
        catch (JournalException)
        {
            return false;
        }
    }

    // The disk works again, and time passes until everybody has an answer and the broker has put everything into order.
    private static async Task MendAsync(FaultyBroker broker, FaultyFiles files, Task all)
    {
        for (int moment = 0; !all.IsCompleted; moment++)
        {
            await Task.WhenAny(all, Task.Delay(Moment, TimeProvider.System));
            Assert.True(moment < 18_000, $"Something hangs; the store is {broker.Broker.Journal.State}, {broker.Broker.Journal.Failure}.\n{broker.Log}");
            files.FailAt = moment > 1 ? 0 : files.FailAt;
            broker.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        await broker.HealAsync();
    }

    private static async Task CheckAsync(FaultyBroker broker, Channel channel, bool?[] answers, bool mayDiffer, string circumstances)
    {
        HashSet<string> inQueue = [.. await DrainAsync(channel, "q")];
        List<string> sent = await DrainAsync(channel, "out");
        for (int i = 0; i < Commits; i++)
        {
            bool isAcknowledged = !inQueue.Contains($"{i}");
            int sentCount = sent.Count(text => text == $"{i}");
            bool isKnown = IsKnown(broker, "q", i);
            string found = $"{circumstances}: commit {i}, answered {answers[i]}: acknowledged {isAcknowledged}, sent {sentCount} times, known {isKnown}";
            Assert.True(isAcknowledged == isKnown && sentCount == (isKnown ? 1 : 0), found);
            Assert.True(answers[i] != true || isKnown, found);
            Assert.True(answers[i] != false || mayDiffer || !isKnown, found);
        }
    }

    private static bool IsKnown(FaultyBroker broker, string scope, int number) => broker.Broker.Store.Receipts.TryFind(ReceiptKey.Of(scope, $"{number}"), out _);

    private static async Task<List<string>> DrainAsync(IChannel channel, string queue)
    {
        List<string> texts = [];
        while (await channel.GetAsync(queue, autoAck: true) is { } got)
        {
            texts.Add(got.Delivery.Message.GetText());
        }

        return texts;
    }
}
