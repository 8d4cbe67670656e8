using EmbeddedMq.Channels;
using EmbeddedMq.Journal;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A broker on a disk that fails: what it said yes to is there after the disk is back and the broker was started again, and what was acknowledged is not.</summary>
/// <remarks><c>EMBEDDEDMQ_SCRIPTS</c> is the number of seeds of each kind of script: 50 take half an hour.</remarks>
public sealed class BrokerFaultTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeadLetter_WhileTheDiskFails_IsThereOnceAfterARestart(bool crash)
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("dead", static q => q.Durable());
        await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
        Assert.Null(await channel.GetAsync("dead")); // the first get from a queue is told to the disk
        for (int i = 0; i < 4; i++)
        {
            Assert.True((await PublishAsync(channel, "q", $"{i}")).IsConfirmed);
        }

        Delivery first = (await channel.GetAsync("q"))!.Delivery;
        Delivery second = (await channel.GetAsync("q"))!.Delivery;
        Delivery third = (await channel.GetAsync("q"))!.Delivery;
        Task<PublishResult> failing = FailDiskAsync(files, channel);
        await channel.RejectAsync(first.DeliveryTag);
        Assert.Equal(RejectReason.StorageFailed, (await failing).RejectReason);
        await channel.RejectAsync(second.DeliveryTag);
        await channel.AckAsync(third.DeliveryTag);
        Assert.Equal("0", (await channel.GetAsync("dead"))?.Delivery.Message.GetText());
        Assert.Equal("1", (await channel.GetAsync("dead", autoAck: true))?.Delivery.Message.GetText());

        await broker.HealAsync();
        broker.Time.Advance(TimeSpan.FromMilliseconds(10)); // what is only noted is written a moment later
        Assert.True((await PublishAsync(channel, "q", "late")).IsConfirmed);
        channel = await broker.RestartAsync(crash);

        Assert.Equal(["0"], await DrainAsync(channel, "dead"));
        Assert.Equal(["3", "late"], (await DrainAsync(channel, "q")).Where(static text => text != "failing"));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task DeadLetterWithoutRoom_WhileTheDiskFails_ComesInWhenThereIsRoom(bool isAppendedBefore, bool crash)
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("dead", static q => q.Durable().MaxLength(1, Overflow.BlockPublisher));
        await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
        Assert.Null(await channel.GetAsync("dead")); // the first get from a queue is told to the disk
        List<Delivery> held = [];
        for (int i = 0; i < 3; i++)
        {
            await PublishAsync(channel, "q", $"{i}");
            held.Add((await channel.GetAsync("q"))!.Delivery);
        }

        await channel.RejectAsync(held[0].DeliveryTag);
        if (isAppendedBefore)
        {
            await channel.RejectAsync(held[1].DeliveryTag); // in a record that goes with the failure
        }

        Assert.Equal(RejectReason.StorageFailed, (await FailDiskAsync(files, channel)).RejectReason);
        if (!isAppendedBefore)
        {
            await channel.RejectAsync(held[1].DeliveryTag); // in no record at all
        }

        await channel.RejectAsync(held[2].DeliveryTag);
        await broker.HealAsync();
        broker.Time.Advance(TimeSpan.FromMilliseconds(10)); // what is only noted is written a moment later
        await TryDeclareAsync(channel, "other");
        if (crash)
        {
            channel = await broker.RestartAsync(crash: true);
        }

        Assert.Equal(["0", "1", "2"], await DrainAsync(channel, "dead"));
        Assert.Empty((await DrainAsync(channel, "q")).Where(static text => text != "failing"));
        channel = await broker.RestartAsync(crash: false);
        Assert.Empty(await DrainAsync(channel, "dead"));
    }

    /// <summary>What went with the failure is known also where the store could not be opened anew at first: what was lost then is not what was lost before.</summary>
    [Fact]
    public async Task DeadLetter_TheDiskFailsAndIsFullWhenItIsTriedAgain_IsThereOnceAfterAPowerCut()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("dead", static q => q.Durable());
        await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
        Assert.True((await PublishAsync(channel, "q", "0")).IsConfirmed);
        Delivery delivery = (await channel.GetAsync("q"))!.Delivery;
        await channel.RejectAsync(delivery.DeliveryTag); // in a record that goes with the failure
        files.FailIn(1);
        Assert.Equal(RejectReason.StorageFailed, (await PublishAsync(channel, "q", "failing")).RejectReason);
        files.Capacity = 0;
        await Patiently.YieldUntilAsync(
            () => new($"{broker.Broker.Journal.Failure}".Contains("No space left", StringComparison.Ordinal)), "the next try", () => broker.Time.Advance(TimeSpan.FromSeconds(1)));

        files.Capacity = long.MaxValue;
        await broker.HealAsync();
        channel = await broker.RestartAsync(crash: true, cutPower: true);

        Assert.Equal(["0"], await DrainAsync(channel, "dead"));
        Assert.Empty((await DrainAsync(channel, "q")).Where(static text => text != "failing"));
    }

    /// <summary>Between a dead letter's record and its queue the disk fails and is back: nobody finds it then where it was, nor where it goes.</summary>
    [Fact]
    public async Task DeadLetter_DiskFailsAndIsBackBeforeItsQueueHasIt_IsThereAfterAPowerCut()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        Channel channel = (Channel)await broker.StartAsync();
        await channel.DeclareExchangeAsync("letters", ExchangeType.Fanout, static e => e.Durable());
        for (int i = 0; i < 3; i++)
        {
            await channel.DeclareQueueAsync($"{i}", static q => q.Durable().DeadLetterTo("letters", null));
        }

        Queue[] inTurn = [.. channel.Host.Queues]; // that is in which they are looked through when the disk is back
        (Queue dead, Queue source, Queue first) = (inTurn[0], inTurn[1], inTurn[2]);
        await channel.BindQueueAsync(first.Name, "letters", "");
        await channel.BindQueueAsync(dead.Name, "letters", "");
        Assert.True((await PublishAsync(channel, source.Name, "0")).IsConfirmed);
        Delivery delivery = (await channel.GetAsync(source.Name))!.Delivery;
        using HeldQueue held = new(first);
        long tail = broker.Broker.Journal.Hot.TailAddress;
        Task rejecting = OnAThreadOfItsOwn(() => channel.RejectAsync(delivery.DeliveryTag).AsTask().GetAwaiter().GetResult());
        await FailAndMendBehindAsync(tail, broker, files, channel, source.Name);
        await held.LetGoAsync();
        await rejecting;
        await broker.HealAsync();
        channel = (Channel)await broker.RestartAsync(crash: true, cutPower: true);

        Assert.Equal(["0"], await DrainAsync(channel, first.Name));
        Assert.Equal(["0"], await DrainAsync(channel, dead.Name));
        Assert.Empty((await DrainAsync(channel, source.Name)).Where(static text => text != "failing"));
    }

    /// <summary>A death is begun and has named nothing yet when what the disk took is stored again: its message is nowhere else.</summary>
    [Fact]
    public async Task DeadLetter_BegunBeforeTheDiskIsBack_IsThereAfterAPowerCut()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
        await channel.DeclareQueueAsync("dead", static q => q.Durable().DeadLetterTo("deader"));
        await channel.DeclareQueueAsync("deader", static q => q.Durable());
        await channel.DeclareQueueAsync("other", static q => q.Durable());
        Assert.Null(await channel.GetAsync("dead")); // the first get from a queue is told to the disk
        Assert.True((await PublishAsync(channel, "q", "0")).IsConfirmed);
        Delivery first = (await channel.GetAsync("q"))!.Delivery;
        files.FailForEver = true;
        files.FailIn(1);
        await channel.RejectAsync(first.DeliveryTag); // in a record that goes with the failure
        Assert.Equal(RejectReason.StorageFailed, (await PublishAsync(channel, "other", "failing")).RejectReason);
        Delivery second = (await channel.GetAsync("dead"))!.Delivery;

        AsyncLocal<bool> isDying = new();
        using ManualResetEventSlim isHeld = new();
        using ManualResetEventSlim isOver = new();
        broker.Time.Asked = () =>
        {
            if (isDying.Value)
            {
                isHeld.Set();
                isOver.Wait();
            }
        };
        Task rejecting = OnAThreadOfItsOwn(() =>
        {
            isDying.Value = true;
            channel.RejectAsync(second.DeliveryTag).AsTask().GetAwaiter().GetResult();
        });
        isHeld.Wait(TestContext.Current.CancellationToken);
        (files.FailAt, files.FailForEver) = (0, false);
        await Patiently.YieldUntilAsync(() => new(broker.Broker.Journal.State == JournalState.Open), "the disk", () => broker.Time.Advance(TimeSpan.FromSeconds(1)));
        for (int i = 0; i < 20_000 && !broker.Log.Contains("publishers go on", StringComparison.Ordinal); i++)
        {
            await Task.Yield(); // who does not wait for the death writes its checkpoint now
        }

        files.CutPower();
        isOver.Set();
        await rejecting;
        channel = await broker.RestartAsync(crash: true);

        Assert.Equal(["0"], [.. await DrainAsync(channel, "q"), .. await DrainAsync(channel, "dead"), .. await DrainAsync(channel, "deader")]);
    }

    /// <summary>Between a transaction's record and its queues the disk fails and is back: what it acknowledged may be gone only if what it published is there.</summary>
    [Fact]
    public async Task Transaction_DiskFailsAndIsBackBeforeItsQueuesHaveIt_IsThereAfterAPowerCut()
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        Channel channel = (Channel)await broker.StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await channel.DeclareQueueAsync($"{i}", static q => q.Durable());
        }

        Queue[] inTurn = [.. channel.Host.Queues]; // that is in which they are looked through when the disk is back
        (Queue second, Queue source, Queue first) = (inTurn[0], inTurn[1], inTurn[2]);
        Assert.True((await PublishAsync(channel, source.Name, "0")).IsConfirmed);
        IChannel transactional = await broker.OpenChannelAsync(ChannelMode.Transactional);
        Delivery delivery = (await transactional.GetAsync(source.Name))!.Delivery;
        await PublishAsync(transactional, first.Name, "1");
        await PublishAsync(transactional, second.Name, "2");
        await transactional.AckAsync(delivery.DeliveryTag);
        using HeldQueue held = new(first);
        long tail = broker.Broker.Journal.Hot.TailAddress;
        Task committing = Task.CompletedTask;
        Task beginning = OnAThreadOfItsOwn(() => committing = transactional.CommitTransactionAsync().AsTask());
        await FailAndMendBehindAsync(tail, broker, files, channel, source.Name);
        await held.LetGoAsync();
        await beginning;
        await Assert.ThrowsAsync<JournalException>(() => committing);
        await broker.HealAsync();
        channel = (Channel)await broker.RestartAsync(crash: true, cutPower: true);

        Assert.Equal(["1"], await DrainAsync(channel, first.Name));
        Assert.Equal(["2"], await DrainAsync(channel, second.Name));
        Assert.Empty((await DrainAsync(channel, source.Name)).Where(static text => text != "failing"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeadLetterToADelayedExchange_WhileTheDiskFails_IsThereOnceAfterARestart(bool crash)
    {
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files);
        IChannel channel = await broker.StartAsync();
        await channel.DeclareExchangeAsync("later", ExchangeType.Delayed, static e => e.Durable().WithArgument("x-delayed-type", ExchangeType.Fanout));
        await channel.DeclareQueueAsync("dead", static q => q.Durable());
        await channel.BindQueueAsync("dead", "later", "");
        await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("later", null));
        List<Delivery> held = [];
        for (int i = 0; i < 2; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i}", MessageProperties.Persistent.WithHeader("x-delay", 60_000)));
            held.Add((await channel.GetAsync("q"))!.Delivery);
        }

        await channel.RejectAsync(held[0].DeliveryTag); // in a record that goes with the failure
        Assert.Equal(RejectReason.StorageFailed, (await FailDiskAsync(files, channel)).RejectReason);
        await channel.RejectAsync(held[1].DeliveryTag); // in no record at all
        await broker.HealAsync();
        broker.Time.Advance(TimeSpan.FromMilliseconds(10)); // what is only noted is written a moment later
        await TryDeclareAsync(channel, "other");
        channel = await broker.RestartAsync(crash);

        broker.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(["0", "1"], (await DrainAsync(channel, "dead")).Order(StringComparer.Ordinal)); // both are due at once
        Assert.Empty((await DrainAsync(channel, "q")).Where(static text => text != "failing"));
    }

    [Fact]
    public async Task Publisher_ThereIsSpaceAgainInTheMomentInWhichTheStoreIsMended_GoesOn()
    {
        const int Watermark = 4 << 20;
        FaultyFiles files = new(1);
        await using FaultyBroker broker = new(files) { WatermarkBytes = Watermark };
        IChannel channel = await broker.StartAsync();
        await channel.DeclareQueueAsync("q", static q => q.Durable());
        MessageStore store = broker.Broker.Store;
        Action go = store.RoomAgain;
        bool isLow = true;
        store.RoomAgain = () =>
        {
            if (store.Journal.State != JournalState.LowSpace || !isLow)
            {
                go();
                return;
            }

            isLow = false; // whoever is let go now finds that there is little space, and waits on
            files.Capacity = long.MaxValue;
            SpinWait.SpinUntil(() =>
            {
                broker.Time.Advance(TimeSpan.FromSeconds(1));
                return store.Journal.State == JournalState.Open;
            });
        };
        files.FailIn(1);
        Assert.Equal(RejectReason.StorageFailed, (await PublishAsync(channel, "q", "failing")).RejectReason);
        Task<PublishResult> waiting = PublishAsync(channel, "q", "waiting").AsTask();
        files.Capacity = files.Names.Sum(files.LengthOf) + (Watermark / 2);

        await Patiently.YieldUntilAsync(() => new(!isLow && store.Journal.State == JournalState.Open), "the space", () => broker.Time.Advance(TimeSpan.FromSeconds(1)));
        Assert.True((await waiting.WithinPatienceAsync("the confirm")).IsConfirmed);
    }

    [Fact]
    public async Task Evacuation_NthOperationFails_LosesNothingAndBringsNothingBack()
    {
        bool hasFailed = true;
        for (int n = 1; hasFailed; n++)
        {
            FaultyFiles files = new(n);
            await using FaultyBroker broker = new(files);
            IChannel channel = await broker.StartAsync();
            await channel.DeclareQueueAsync("q", static q => q.Durable());
            for (int i = 0; i < 90; i++)
            {
                await PublishAsync(channel, "q", $"{i} {new string('x', 15_000)}");
            }

            files.FailIn(n);
            await broker.Broker.KeepStoreShortAsync();
            await TryDeclareAsync(channel, "other"); // what is only appended goes to the disk with what somebody waits for
            hasFailed = files.HasFailed;
            await broker.HealAsync();
            List<Delivery> held = [];
            while (await channel.GetAsync("q") is { } got)
            {
                held.Add(got.Delivery);
            }

            Assert.Equal(90, held.Count);
            foreach (Delivery delivery in held.Where(static (_, index) => index % 4 != 0))
            {
                await channel.AckAsync(delivery.DeliveryTag);
            }

            broker.Time.Advance(TimeSpan.FromMilliseconds(10)); // what is only noted is written a moment later
            Assert.True((await PublishAsync(channel, "q", "late")).IsConfirmed);
            channel = await broker.RestartAsync(crash: true);

            List<string> expected = [.. held.Where(static (_, index) => index % 4 == 0).Select(static delivery => delivery.Message.GetText()), "late"];
            Assert.True(expected.SequenceEqual(await DrainAsync(channel, "q")), $"Operation {n} failed.");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Compaction_NthOperationFails_LosesNothingAndBringsNothingBack(bool cutPower)
    {
        bool hasFailed = true;
        for (int n = 1; hasFailed; n++)
        {
            FaultyFiles files = new(n);
            await using FaultyBroker broker = new(files);
            IChannel channel = await broker.StartAsync();
            await channel.DeclareQueueAsync("q", static q => q.Durable());
            List<Delivery> held = await FillSparselyAsync(broker, channel);
            int segments = broker.Broker.Journal.Cold.Segments.Count;
            files.FailIn(n);
            await broker.Broker.KeepStoreShortAsync();
            await TryDeclareAsync(channel, "other"); // what is only appended goes to the disk with what somebody waits for
            hasFailed = files.HasFailed;
            await broker.HealAsync();
            Assert.True(hasFailed || broker.Broker.Journal.Cold.Segments.Count < segments, $"{segments} segments before, {broker.Broker.Journal.Cold.Segments.Count} after.");
            foreach (Delivery delivery in held.Where(static (_, index) => index % 3 != 0))
            {
                await channel.AckAsync(delivery.DeliveryTag);
            }

            broker.Time.Advance(TimeSpan.FromMilliseconds(10)); // what is only noted is written a moment later
            Assert.True((await PublishAsync(channel, "q", "late")).IsConfirmed);
            channel = await broker.RestartAsync(crash: true, cutPower);

            List<string> expected = [.. held.Where(static (_, index) => index % 3 == 0).Select(static delivery => delivery.Message.GetText()), "late"];
            Assert.True(expected.SequenceEqual(await DrainAsync(channel, "q")), $"Operation {n} failed.");
        }
    }

    /// <summary>What leaves a block in one record with its arrival elsewhere is in one of both places, also while the block moves and no checkpoint tells of that yet.</summary>
    [Fact]
    public async Task DeadLettering_BesideCompaction_KilledAtAnyMoment_IsInOnePlace()
    {
        for (int round = 0; round < 6; round++)
        {
            FaultyFiles files = new(round);
            await using FaultyBroker broker = new(files);
            IChannel channel = await broker.StartAsync();
            await channel.DeclareQueueAsync("dead", static q => q.Durable());
            await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
            List<Delivery> held = await FillSparselyAsync(broker, channel);
            broker.Time.Advance(TimeSpan.FromMilliseconds(10)); // what is only noted is written a moment later
            Assert.True((await PublishAsync(channel, "q", "late")).IsConfirmed);
            List<FaultyFiles> killed = [];
            Task keeping = Task.Run(() => broker.Broker.KeepStoreShortAsync().AsTask(), TestContext.Current.CancellationToken);
            foreach (Delivery delivery in held)
            {
                await channel.RejectAsync(delivery.DeliveryTag);
                killed.Add(files.Copy(round));
                await Task.Yield();
            }

            await keeping;
            killed.Add(files.Copy(round));
            List<string> expected = [.. held.Select(static delivery => delivery.Message.GetText()).Append("late").Order(StringComparer.Ordinal)];
            for (int i = 0; i < killed.Count; i++)
            {
                await using FaultyBroker again = new(killed[i]);
                channel = await again.StartAsync();
                List<string> found = [.. await DrainAsync(channel, "q"), .. await DrainAsync(channel, "dead")];
                found.Sort(StringComparer.Ordinal);
                Assert.True(expected.SequenceEqual(found), $"Round {round}, after {i} dead letters: {found.Count} messages of {expected.Count}.");
            }
        }
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("kill")]
    [InlineData("power")]
    public async Task Script_NothingFails_LosesNothingSafeAndBringsNothingBack(string end)
    {
        int first = Seeds.Pick(100);
        for (int seed = first; seed < first + Seeds.ScriptCount(6); seed++)
        {
            FaultyFiles files = new(seed);
            await using FaultyBroker broker = new(files);
            BrokerScript script = new(broker, files, seed);
            await script.BeginAsync(await broker.StartAsync());
            await script.RunAsync(steps: 120);
            IChannel channel = await broker.RestartAsync(crash: end != "stop", cutPower: end == "power");
            await script.CheckAsync(channel, end == "stop", mayDouble: false, $"Seed {seed}");
        }
    }

    [Theory]
    [InlineData(false, "stop")]
    [InlineData(false, "kill")]
    [InlineData(false, "power")]
    [InlineData(true, "stop")]
    [InlineData(true, "kill")]
    [InlineData(true, "power")]
    public async Task Script_NthOperationFails_LosesNothingSafeAndBringsNothingBack(bool forEver, string end)
    {
        int first = Seeds.Pick(100);
        int faults = 0;
        int scripts = 0;
        for (int seed = first; seed < first + Seeds.ScriptCount(1); seed++)
        {
            for (int n = 1; n < 600; n += 1 + (n / 2))
            {
                scripts++;
                faults += await RunScriptAsync(seed, n, forEver, end) ? 1 : 0;
            }
        }

        Assert.True(faults > scripts / 4, $"Only {faults} of {scripts} operations failed.");
    }

    // Has queue q in blocks of which one message in twelve is left, and gives those, unacknowledged.
    private static async Task<List<Delivery>> FillSparselyAsync(FaultyBroker broker, IChannel channel)
    {
        for (int i = 0; i < 300; i++)
        {
            await PublishAsync(channel, "q", $"{i} {new string('x', 15_000)}");
        }

        await broker.Broker.KeepStoreShortAsync();
        List<Delivery> held = [];
        for (int i = 0; await channel.GetAsync("q") is { } got; i++)
        {
            if (i % 12 == 0)
            {
                held.Add(got.Delivery);
            }
            else
            {
                await channel.AckAsync(got.Delivery.DeliveryTag);
            }
        }

        return held;
    }

    // Whether the operation failed: there may be fewer of them.
    private static async Task<bool> RunScriptAsync(int seed, int failingOperation, bool forEver, string end)
    {
        FaultyFiles files = new(seed + failingOperation);
        await using FaultyBroker broker = new(files);
        BrokerScript script = new(broker, files, seed + failingOperation);
        await script.BeginAsync(await broker.StartAsync());
        files.FailIn(failingOperation);
        files.FailForEver = forEver;
        await script.RunAsync(steps: 120);
        bool hasFailed = files.HasFailed;
        bool isClean = end == "stop";
        if (isClean)
        {
            await broker.HealAsync();
        }

        IChannel channel = await broker.RestartAsync(crash: !isClean, cutPower: end == "power");
        await script.CheckAsync(channel, isClean, mayDouble: !isClean && hasFailed, $"Operation {failingOperation} failed, seed {seed}");
        return hasFailed;
    }

    // A publish that runs into the failure; it is under way when this returns.
    private static async Task<PublishResult> FailDiskAsync(FaultyFiles files, IChannel channel)
    {
        files.FailForEver = true;
        files.FailIn(1);
        return await PublishAsync(channel, "q", "failing");
    }

    /// <summary>Waits for a record whose appender waits for a held queue; then the disk fails, and is back.</summary>
    private static async Task FailAndMendBehindAsync(long tail, FaultyBroker broker, FaultyFiles files, IChannel channel, string queue)
    {
        IAppendLog hot = broker.Broker.Journal.Hot;
        await Patiently.YieldUntilAsync(() => new(hot.TailAddress > tail), "the record"); // from here on it waits for the queue
        files.FailIn(1);
        Assert.Equal(RejectReason.StorageFailed, (await PublishAsync(channel, queue, "failing")).RejectReason);
        await Patiently.YieldUntilAsync(() => new(broker.Broker.Journal.State == JournalState.Open), "the disk", () => broker.Time.Advance(TimeSpan.FromSeconds(1)));
        tail = hot.TailAddress;
        for (int i = 0; i < 20_000 && hot.TailAddress == tail; i++)
        {
            await Task.Yield(); // who does not wait for it stores now again what is in the second queue
        }
    }

    private static Task OnAThreadOfItsOwn(Action action)
        => Task.Factory.StartNew(action, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static async Task TryDeclareAsync(IChannel channel, string queue)
    {
        try
        {
            await channel.DeclareQueueAsync(queue, static q => q.Durable());
        }
        catch (JournalException)
        {
            // It may be there or not.
        }
    }

    private static ValueTask<PublishResult> PublishAsync(IChannel channel, string queue, string text)
        => channel.TryPublishAsync("", queue, Message.Text(text, MessageProperties.Persistent));

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
