using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues.Backlog;

/// <summary>A get whose message is on disk waits for it, and for as long as there is something to wait for.</summary>
public sealed class GetFromBacklogTests
{
    [Fact]
    public async Task Get_HeadOnDisk_CompletesWhenItHasCome()
    {
        (BrokerFixture broker, PagerPump pump) = await StartAsync();
        await using BrokerFixture ending = broker;
        IChannel channel = await broker.OpenChannelAsync();
        ValueTask<GetResult?> get = channel.GetAsync("q");
        Assert.False(get.IsCompleted);

        pump.RunAll();

        GetResult got = Assert.IsType<GetResult>(await BrokerFixture.WithinPatienceAsync(get, "the message"));
        Assert.Equal(("1", 1u), (got.Delivery.Message.GetText(), got.RemainingCount));
        await channel.AckAsync(got.Delivery.DeliveryTag);
    }

    [Fact]
    public async Task Get_Cancelled_EndsAndLeavesTheMessage()
    {
        (BrokerFixture broker, PagerPump pump) = await StartAsync();
        await using BrokerFixture ending = broker;
        IChannel channel = await broker.OpenChannelAsync();
        using CancellationTokenSource cancellation = new();
        ValueTask<GetResult?> get = channel.GetAsync("q", cancellationToken: cancellation.Token);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => get.AsTask());
        pump.RunAll();
        Assert.Equal((2, 0), ((await broker.DescribeAsync("q")).ReadyCount, (await broker.DescribeAsync("q")).UnackedCount));
    }

    [Fact]
    public async Task Get_ChannelCloses_FailsWithTheReason()
    {
        (BrokerFixture broker, _) = await StartAsync();
        await using BrokerFixture ending = broker;
        IChannel channel = await (await broker.ConnectAsync()).OpenChannelAsync();
        ValueTask<GetResult?> get = channel.GetAsync("q");

        await channel.CloseAsync();

        await Assert.ThrowsAsync<ChannelException>(() => get.AsTask());
    }

    [Fact]
    public async Task Get_QueueIsDeleted_FailsAsNotFound()
    {
        (BrokerFixture broker, _) = await StartAsync();
        await using BrokerFixture ending = broker;
        IChannel channel = await (await broker.ConnectAsync()).OpenChannelAsync();
        ValueTask<GetResult?> get = channel.GetAsync("q");

        await (await broker.OpenChannelAsync()).DeleteQueueAsync("q");

        Assert.Equal(ReplyCode.NotFound, (await Assert.ThrowsAsync<ChannelException>(() => get.AsTask())).ReplyCode);
    }

    [Fact]
    public async Task Get_QueueIsPurged_FindsNothing()
    {
        (BrokerFixture broker, _) = await StartAsync();
        await using BrokerFixture ending = broker;
        IChannel channel = await (await broker.ConnectAsync()).OpenChannelAsync();
        ValueTask<GetResult?> get = channel.GetAsync("q");

        Assert.Equal(2u, await (await broker.OpenChannelAsync()).PurgeQueueAsync("q"));

        Assert.Null(await BrokerFixture.WithinPatienceAsync(get, "the answer"));
    }

    [Fact]
    public async Task Thread_DeadLetteringThrowsInAPageIn_BringsOtherQueuesTheirs()
    {
        using QueueStand stand = new(new BacklogSettings { BudgetBytes = 1, WindowMessages = 1, RestMs = 0 });
        stand.Pump!.IsEager = false;
        Queue dying = Fill(stand, new QueueDeclaration("dying").WithMessageTtl(TimeSpan.FromSeconds(1)).DeadLetterTo("", "dead"));
        Queue waiting = Fill(stand, new QueueDeclaration("waiting"));
        stand.Time.Advance(TimeSpan.FromSeconds(2)); // the head dies, and the next ones are asked for
        Assert.True(waiting.TryAcquire(out _, out _, out _));
        Assert.False(waiting.TryAcquire(out _, out _, out Task? arrival));
        List<Exception> reported = [];
        stand.OnDead = static _ => throw new InvalidOperationException("planted");

        await using BacklogThread thread = new(stand.Pager!, reported.Add);

        await BrokerFixture.WithinPatienceAsync(new ValueTask<bool>(arrival!.ContinueWith(static _ => true, TaskScheduler.Default)), "the page");
        Assert.Equal(["planted"], reported.Select(static error => error.Message));
        Assert.True(waiting.TryAcquire(out _, out _, out _));
        Assert.True(dying.Describe().ReadyCount < 3);
    }

    [Fact]
    public void Get_PageCannotBeRead_FailsUntilItCan()
    {
        using QueueStand stand = new(new BacklogSettings { BudgetBytes = 1, WindowMessages = 1, RestMs = 0 });
        Queue queue = Fill(stand, new QueueDeclaration("q"));
        stand.Store.Damage = new InvalidDataException("planted");
        Assert.True(queue.TryAcquire(out _, out _, out _));

        JournalException error = Assert.Throws<JournalException>(() => queue.TryAcquire(out _, out _, out _));
        Assert.StartsWith("The next message of queue 'q' is on disk and cannot be read: planted", error.Message, StringComparison.Ordinal);
        Assert.True(error.IsTransient);

        stand.Store.Damage = null;
        stand.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
        Assert.Equal("1", entry.Message.GetText());
    }

    [Fact]
    public void Get_ASecondAfterTheLastFailure_TriesAtOnce()
    {
        using QueueStand stand = new(new BacklogSettings { BudgetBytes = 1, WindowMessages = 1, RestMs = 0 });
        Queue queue = Fill(stand, new QueueDeclaration("q"));
        stand.Store.Damage = new InvalidDataException("planted");
        Assert.True(queue.TryAcquire(out _, out _, out _));
        int reads = 0;
        stand.Store.OnAccess = () => reads++;
        do
        {
            reads = 0;
            stand.Time.Advance(TimeSpan.FromSeconds(1));
        }
        while (reads > 0); // by itself it is tried again ever less often

        Assert.False(queue.TryAcquire(out _, out _, out Task? arrival));
        Assert.True(arrival!.IsCompleted);
        Assert.Throws<JournalException>(() => queue.TryAcquire(out _, out _, out _));
        Assert.Equal(1, reads);

        stand.Store.Damage = null;
        stand.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(queue.TryAcquire(out _, out _, out arrival));

        Assert.True(arrival!.IsCompleted);
        Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
        Assert.Equal("1", entry.Message.GetText());
    }

    [Fact]
    public void Get_PageTurnsOutToBeUnreadable_EndsWaiting()
    {
        using QueueStand stand = new(new BacklogSettings { BudgetBytes = 1, WindowMessages = 1, RestMs = 0 });
        Queue queue = Fill(stand, new QueueDeclaration("q"));
        stand.Store.Damage = new InvalidDataException("planted");
        stand.Pump!.IsEager = false;
        Assert.True(queue.TryAcquire(out _, out _, out _));
        Assert.False(queue.TryAcquire(out _, out _, out Task? arrival));
        Assert.False(arrival!.IsCompleted);

        stand.Pump.RunAll();

        Assert.True(arrival.IsCompleted);
        Assert.Throws<JournalException>(() => queue.TryAcquire(out _, out _, out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Get_WaitsForTheHead_TakesWhatComesBeforeItMeanwhile(bool isRequeued)
    {
        using QueueStand stand = new(new BacklogSettings { BudgetBytes = 1, WindowMessages = 1, RestMs = 0 });
        Queue queue = Fill(stand, new QueueDeclaration("q").WithMaxPriority(5));
        stand.Pump!.IsEager = false;
        Assert.True(queue.TryAcquire(out QueueEntry? first, out _, out _));
        Assert.False(queue.TryAcquire(out _, out _, out Task? arrival));

        QueueStand.Enqueue(queue, "behind it");
        Assert.False(arrival!.IsCompleted);
        if (isRequeued)
        {
            queue.Requeue([], [first]);
        }
        else
        {
            QueueStand.Enqueue(queue, "urgent", new MessageProperties { Priority = 3 });
        }

        Assert.True(arrival.IsCompleted);
        Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
        Assert.Equal(isRequeued ? "0" : "urgent", entry.Message.GetText());
    }

    /// <summary>With the thread that does it in earnest: publishers and a consumer beside it, everything through the disk, in order.</summary>
    [Fact]
    public async Task Broker_WithItsOwnThread_DeliversABacklogInOrder()
    {
        const int Count = 20_000;
        FakeBacklogStore store = new();
        await using BrokerFixture broker = await BrokerFixture.StartAsync(options =>
        {
            options.BacklogStore = store;
            options.BacklogMemoryBytes = 50_000;
            options.BacklogSettings = new BacklogSettings { FirstPageMessages = 4, PageMessages = 64, WindowMessages = 20, RestMs = 1 };
        });
        IChannel publisher = await broker.OpenChannelAsync();
        IChannel channel = await (await broker.ConnectAsync()).OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i < Count / 2; i++)
        {
            await publisher.PublishAsync("", "q", new Message(BitConverter.GetBytes(i)));
        }

        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 10 });
        Task publishing = Task.Run(async () =>
        {
            for (int i = Count / 2; i < Count; i++)
            {
                await publisher.PublishAsync("", "q", new Message(BitConverter.GetBytes(i)));
            }
        });
        int next = 0;
        await foreach (Delivery delivery in consumer.ReadAllAsync())
        {
            Assert.Equal(next++, BitConverter.ToInt32(delivery.Message.Body.Span));
            await channel.AckAsync(delivery.DeliveryTag);
            if (next == Count)
            {
                break;
            }
        }

        await publishing;
        Assert.InRange(store.ReadCount.Messages, Count / 10, int.MaxValue);
        Assert.Equal(0, ((Broker)broker.Broker).MemoryBytes);
    }

    private static Queue Fill(QueueStand stand, QueueDeclaration declaration)
    {
        Queue queue = stand.Declare(declaration);
        for (int i = 0; i < 3; i++)
        {
            QueueStand.Enqueue(queue, $"{i}");
        }

        stand.Pump!.RunAll();
        Assert.Equal(2, queue.Describe().AwayCount);
        return queue;
    }

    // Two of three messages are on disk, and the first has been taken.
    private static async Task<(BrokerFixture Broker, PagerPump Pump)> StartAsync()
    {
        PagerPump? pump = null;
        BrokerFixture broker = await BrokerFixture.StartAsync(options =>
        {
            options.BacklogStore = new FakeBacklogStore();
            options.BacklogMemoryBytes = 1;
            options.BacklogSettings = new BacklogSettings { WindowMessages = 1, RestMs = 0 };
            options.BacklogStarted = pager => pump = new PagerPump(pager) { IsEager = false };
        });
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        for (int i = 0; i < 3; i++)
        {
            await channel.PublishAsync("", "q", Message.Text($"{i}"));
        }

        pump!.RunAll();
        Assert.Equal(2, (await broker.DescribeAsync("q")).AwayCount);
        Assert.NotNull(await channel.GetAsync("q", autoAck: true));
        return (broker, pump);
    }
}
