using EmbeddedMq.Channels;
using EmbeddedMq.Connections;
using EmbeddedMq.Journal;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Channels;

/// <summary>Above the memory watermark publishers wait: nothing grows without bound, nothing is lost, nobody overtakes.</summary>
public sealed class MemoryWatermarkTests
{
    private const int BodyBytes = 1_000;
    private const long HighBytes = 64 * 1_024;

    [Fact]
    public async Task Publish_AboveTheWatermark_WaitsAndGoesOnInOrder()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel publisher = await connection.OpenChannelAsync();
        await using IChannel consumer = await connection.OpenChannelAsync();
        await publisher.DeclareQueueAsync("load");

        List<Task<PublishResult>> publishes = [];
        for (int i = 0; i < 500; i++)
        {
            publishes.Add(publisher.TryPublishAsync("", "load", Body(i)).AsTask());
        }

        int waiting = publishes.Count(static publish => !publish.IsCompleted);
        Assert.True(broker.IsBlocked);
        Assert.Equal("low on memory", connection.BlockedReason);
        Assert.InRange(waiting, 400, 499);
        Assert.InRange(broker.MemoryBytes, HighBytes, HighBytes * 2);

        List<int> received = [];
        await foreach (Delivery delivery in consumer.ConsumeAsync("load", new ConsumerOptions { PrefetchCount = 10 }))
        {
            received.Add(BitConverter.ToInt32(delivery.Body.Span));
            await consumer.AckAsync(delivery.DeliveryTag);
            if (received.Count == publishes.Count)
            {
                break;
            }
        }

        PublishResult[] results = await Task.WhenAll(publishes);
        Assert.All(results, static result => Assert.True(result.IsConfirmed));
        Assert.Equal(Enumerable.Range(0, 500), received);
        Assert.Equal(0, broker.MemoryBytes);
        Assert.False(broker.IsBlocked);
    }

    [Fact]
    public async Task BlockedChanged_WhenTheWatermarkIsCrossed_TellsBothTimes()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        TaskCompletionSource<string?> blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<string?> unblocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.BlockedChanged += (_, change) => (change.IsBlocked ? blocked : unblocked).TrySetResult(change.Reason);
        await channel.DeclareQueueAsync("load");

        Task<PublishResult> last = await FillAsync(channel);
        Assert.Equal("low on memory", await blocked.Task);
        await channel.PurgeQueueAsync("load");
        Assert.True((await last).IsConfirmed);
        Assert.Null(await unblocked.Task);
        Assert.Null(connection.BlockedReason);
    }

    [Fact]
    public async Task BlockedChanged_WhatIsLetGoReachesTheWatermarkAgain_TellsThatOthersWait()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        List<bool> changes = [];
        TaskCompletionSource<string?> blockedAgain = new(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.BlockedChanged += (_, change) =>
        {
            changes.Add(change.IsBlocked);
            if (changes is [true, false, true])
            {
                blockedAgain.SetResult(change.Reason);
            }
        };
        await channel.DeclareQueueAsync("load");
        await FillAsync(channel);
        List<Task<PublishResult>> waiting = [.. Enumerable.Range(0, 500).Select(i => channel.TryPublishAsync("", "load", Body(i)).AsTask())];

        await channel.PurgeQueueAsync("load");
        Assert.Equal("low on memory", await blockedAgain.Task.WaitAsync(BrokerFixture.Patience));
        Assert.False(waiting[^1].IsCompleted);
    }

    [Fact]
    public async Task BlockedReason_MemoryIsFreeAgainAndTheDiskIsNot_Stays()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options =>
        {
            options.MemoryHighWatermarkBytes = HighBytes;
            options.Storage.FreeSpaceWatermarkBytes = long.MaxValue; // no disk has that
        });
        await using IConnection connection = await stored.Broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync("load");
        await channel.DeclareQueueAsync("stored", static q => q.Durable());
        IConsumer holder = await channel.StartConsumerAsync("load"); // what is handed over does not go to the disk
        Task<PublishResult> last = await FillAsync(channel);
        await using IChannel other = await connection.OpenChannelAsync();
        Task<PublishResult> forDisk = other.TryPublishAsync("", "stored", Message.Text("m", MessageProperties.Persistent)).AsTask();
        Assert.Equal("low on memory", connection.BlockedReason);

        await holder.DisposeAsync();
        await channel.PurgeQueueAsync("load");
        await last.WaitAsync(BrokerFixture.Patience);
        ((Connection)connection).Unblock(); // as the broker does just now
        Assert.Equal(JournalState.LowSpace, stored.Broker.Journal.State);
        Assert.False(forDisk.IsCompleted);
        Assert.NotNull(connection.BlockedReason);
    }

    [Fact]
    public async Task Publish_CancelledWhileItWaits_IsNotPublished()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync("load");
        await channel.DeclareQueueAsync("other");
        Task<PublishResult> first = await FillAsync(channel);

        using CancellationTokenSource cancellation = new();
        Task<PublishResult> cancelled = channel.TryPublishAsync("", "other", Body(1), cancellationToken: cancellation.Token).AsTask();
        Task<PublishResult> kept = channel.TryPublishAsync("", "other", Body(2)).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);

        await channel.PurgeQueueAsync("load");
        await first;
        await kept;
        Assert.Equal(1U, (await channel.DeclareQueuePassiveAsync("other")).MessageCount);
    }

    [Fact]
    public async Task Publish_WaitingWhenItsChannelCloses_FailsWithTheReason()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync("load");
        Task<PublishResult> waiting = await FillAsync(channel);

        await channel.CloseAsync();
        ChannelException error = await Assert.ThrowsAsync<ChannelException>(() => waiting);
        Assert.Equal(ReplyCode.Success, error.ReplyCode);
    }

    [Fact]
    public async Task Publish_MoreThanMayBeOutstanding_IsRejectedWithThatReason()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { MaxOutstandingPublishes = 3 });
        await channel.DeclareQueueAsync("load");
        Task<PublishResult> waiting = await FillAsync(channel);
        Task<PublishResult>[] more = [Publish(), Publish()];

        PublishException error = await Assert.ThrowsAsync<PublishException>(async () => await channel.PublishAsync("", "load", Body(0)));
        Assert.Equal(RejectReason.TooManyOutstanding, error.Result.RejectReason);
        await channel.PurgeQueueAsync("load");
        Assert.True((await waiting).IsConfirmed);
        Assert.All(await Task.WhenAll(more), static result => Assert.True(result.IsConfirmed));

        Task<PublishResult> Publish() => channel.TryPublishAsync("", "load", Body(0)).AsTask();
    }

    [Fact]
    public async Task Publish_InPlaceOfADelivery_DoesNotWaitForTheMemoryOfThatDelivery()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel publisher = await connection.OpenChannelAsync();
        await using IChannel worker = await connection.OpenChannelAsync();
        await publisher.DeclareQueueAsync("load");
        await publisher.DeclareQueueAsync("retry");
        await FillAsync(publisher);

        GetResult? taken = await worker.GetAsync("load");
        ValueTask<PublishResult> copy = worker.TryPublishAsync("", "retry", taken!.Delivery.Message, PublishFlags.InPlaceOfDelivery);
        Assert.True(copy.IsCompletedSuccessfully);
        Assert.True((await copy).IsConfirmed);
        await worker.AckAsync(taken.Delivery.DeliveryTag);
    }

    [Fact]
    public async Task Memory_AfterEveryWayOutOfAQueue_IsBackAtZero()
    {
        FakeTimeProvider time = new();
        await using Broker broker = await Broker.StartAsync(new BrokerOptions { TimeProvider = time });
        await using IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync();
        await channel.DeclareQueueAsync("dead");
        await channel.DeclareQueueAsync("q", q => q.MaxLength(5).DeadLetterTo("dead").WithMessageTtl(TimeSpan.FromSeconds(60)));
        await channel.DeclareQueueAsync("full", q => q.MaxLength(1, Overflow.RejectPublishDeadLetter).DeadLetterTo("dead"));
        await channel.DeclareQueueAsync("gone");
        await channel.DeclareExchangeAsync("later", ExchangeType.Delayed, e => e.WithArgument("x-delayed-type", "fanout"));
        for (int i = 0; i < 10; i++)
        {
            await channel.TryPublishAsync("", "q", Body(i));
            await channel.TryPublishAsync("", "full", Body(i));
            await channel.PublishAsync("", "gone", Body(i));
            await channel.PublishAsync("later", "", Message.Text("x", MessageProperties.Empty.WithHeader("x-delay", 1_000)));
        }

        Assert.True(broker.MemoryBytes > 0);
        await channel.RejectAsync((await channel.GetAsync("q"))!.Delivery.DeliveryTag);
        await channel.AckAsync((await channel.GetAsync("q"))!.Delivery.DeliveryTag);
        await channel.GetAsync("q", autoAck: true);
        await channel.GetAsync("gone");
        await channel.DeleteQueueAsync("gone");
        time.Advance(TimeSpan.FromSeconds(61));
        await channel.CloseAsync();
        channel = await connection.OpenChannelAsync();
        await channel.PurgeQueueAsync("dead");
        await channel.DeleteQueueAsync("full");
        Assert.Equal(0, broker.MemoryBytes);
    }

    [Fact]
    public async Task Publish_AfterOthersThatWaitedWereCancelled_HasTheirPlaces()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { MaxOutstandingPublishes = 3 });
        await channel.DeclareQueueAsync("load");
        Task<PublishResult> first = await FillAsync(channel);
        for (int i = 0; i < 10; i++)
        {
            using CancellationTokenSource cancellation = new();
            Task<PublishResult> cancelled = channel.TryPublishAsync("", "load", Body(i), cancellationToken: cancellation.Token).AsTask();
            Assert.False(cancelled.IsCompleted);
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        }

        Task<PublishResult> last = channel.TryPublishAsync("", "load", Body(0)).AsTask();
        await channel.PurgeQueueAsync("load");

        Assert.True((await first).IsConfirmed);
        Assert.True((await last).IsConfirmed);
        Assert.Equal(2U, (await channel.DeclareQueuePassiveAsync("load")).MessageCount);
    }

    [Fact]
    public async Task Publish_WaitingBehindAReturnWhoseHandlerThrows_GoesOn()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        channel.MessageReturned += static (_, _) => throw new InvalidOperationException("planted");
        await channel.DeclareQueueAsync("load");
        Task<PublishResult> first = await FillAsync(channel);
        Task<PublishResult> returned = channel.TryPublishAsync("", "nowhere", Body(1), PublishFlags.Mandatory).AsTask();
        Task<PublishResult> last = channel.TryPublishAsync("", "load", Body(2)).AsTask();

        await channel.PurgeQueueAsync("load");

        Assert.True((await first.WaitAsync(BrokerFixture.Patience)).IsConfirmed);
        Assert.Equal(PublishOutcome.Returned, (await returned.WaitAsync(BrokerFixture.Patience)).Outcome);
        Assert.True((await last.WaitAsync(BrokerFixture.Patience)).IsConfirmed);
    }

    [Fact]
    public async Task Publish_OfAnotherConnectionBehindAReturnWhoseHandlerBlocks_GoesOn()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await using IConnection otherConnection = await broker.ConnectAsync();
        await using IChannel other = await otherConnection.OpenChannelAsync();
        using ManualResetEventSlim free = new();
        channel.MessageReturned += (_, _) => free.Wait(BrokerFixture.Patience);
        await channel.DeclareQueueAsync("load");
        await channel.DeclareQueueAsync("other");
        Task<PublishResult> first = await FillAsync(channel);
        Task<PublishResult> returned = channel.TryPublishAsync("", "nowhere", Body(1), PublishFlags.Mandatory).AsTask();
        Task<PublishResult> behind = channel.TryPublishAsync("", "other", Body(2)).AsTask();
        Task<PublishResult> elsewhere = other.TryPublishAsync("", "other", Body(3)).AsTask();

        await channel.PurgeQueueAsync("load");

        Assert.True((await elsewhere.WaitAsync(BrokerFixture.Patience)).IsConfirmed);
        Assert.True((await first.WaitAsync(BrokerFixture.Patience)).IsConfirmed);
        Assert.True((await behind.WaitAsync(BrokerFixture.Patience)).IsConfirmed);
        Assert.False(returned.IsCompleted);
        free.Set();
        Assert.Equal(PublishOutcome.Returned, (await returned.WaitAsync(BrokerFixture.Patience)).Outcome);
    }

    [Fact]
    public async Task Events_AHandlerThrows_TheOthersAreTold()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        TaskCompletionSource blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int returned = 0;
        channel.MessageReturned += static (_, _) => throw new InvalidOperationException("planted");
        channel.MessageReturned += (_, _) => returned++;
        connection.BlockedChanged += static (_, _) => throw new InvalidOperationException("planted");
        connection.BlockedChanged += (_, _) => blocked.TrySetResult();
        await channel.DeclareQueueAsync("load");

        await channel.TryPublishAsync("", "nowhere", Body(1), PublishFlags.Mandatory);
        await FillAsync(channel);

        Assert.Equal(1, returned);
        await blocked.Task.WaitAsync(BrokerFixture.Patience);
    }

    [Fact]
    public async Task BlockedChanged_AHandlerBlocks_OtherConnectionsAreTold()
    {
        await using Broker broker = await StartAsync();
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        await using IConnection otherConnection = await broker.ConnectAsync();
        await using IChannel other = await otherConnection.OpenChannelAsync();
        using ManualResetEventSlim free = new();
        TaskCompletionSource blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.BlockedChanged += (_, _) => free.Wait(BrokerFixture.Patience);
        otherConnection.BlockedChanged += (_, _) => blocked.TrySetResult();
        await channel.DeclareQueueAsync("load");

        await FillAsync(channel);
        Task<PublishResult> waiting = other.TryPublishAsync("", "load", Body(1)).AsTask();

        try
        {
            await blocked.Task.WaitAsync(BrokerFixture.Patience);
        }
        finally
        {
            free.Set();
        }

        await channel.PurgeQueueAsync("load");
        await waiting.WaitAsync(BrokerFixture.Patience);
    }

    [Fact]
    public async Task BlockedReason_NotedWhileWaitingPublishesAreLetGo_DoesNotStay()
    {
        AskedClock clock = new();
        await using Broker broker = await Broker.StartAsync(new BrokerOptions { MemoryHighWatermarkBytes = HighBytes, TimeProvider = clock });
        await using IConnection connection = await broker.ConnectAsync();
        await using IChannel channel = await connection.OpenChannelAsync();
        TaskCompletionSource noted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource unblocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.BlockedChanged += (_, change) =>
        {
            if (!change.IsBlocked && noted.Task.IsCompleted)
            {
                unblocked.TrySetResult();
            }
        };
        await channel.DeclareQueueAsync("load");
        await channel.DeclareExchangeAsync("later", ExchangeType.Delayed, static e => e.WithArgument("x-delayed-type", "fanout"));
        await channel.BindQueueAsync("load", "later", "load");
        Task<PublishResult> first = await FillAsync(channel);
        Message later = Body(1).WithProperties(MessageProperties.Empty.WithHeader("x-delay", 60_000));
        Task<PublishResult> delayed = channel.TryPublishAsync("later", "load", later).AsTask();

        // The place of a publisher that has seen the watermark exceeded and is only now getting to note it: a delayed message asks for the time.
        AsyncLocal<bool> isTest = new() { Value = true }; // the release is nobody's flow
        clock.Asked = () =>
        {
            if (!isTest.Value && !noted.Task.IsCompleted)
            {
                ((IChannelOwner)connection).NoteBlocked("low on memory");
                noted.TrySetResult();
            }
        };
        await channel.PurgeQueueAsync("load");

        await first.WaitAsync(BrokerFixture.Patience);
        await delayed.WaitAsync(BrokerFixture.Patience);
        await unblocked.Task.WaitAsync(BrokerFixture.Patience);
        await Patiently.YieldUntilAsync(() => connection.BlockedReason is null, "the end of the blocked state");
    }

    private static ValueTask<Broker> StartAsync()
        => Broker.StartAsync(new BrokerOptions { MemoryHighWatermarkBytes = HighBytes, TimeProvider = new FakeTimeProvider() });

    private static Message Body(int number)
    {
        byte[] body = new byte[BodyBytes];
        BitConverter.TryWriteBytes(body, number);
        return Message.TakeOwnership(body);
    }

    /// <summary>Publishes to the queue <c>load</c> until a publish waits, and gives that publish.</summary>
    private static async Task<Task<PublishResult>> FillAsync(IChannel channel)
    {
        for (int i = 0; i < 1_000; i++)
        {
            Task<PublishResult> publish = channel.TryPublishAsync("", "load", Body(i)).AsTask();
            if (!publish.IsCompleted)
            {
                return publish;
            }

            await publish;
        }

        throw new InvalidOperationException("Nothing made a publisher wait.");
    }

    private sealed class AskedClock : TimeProvider
    {
        public Action Asked { get; set; } = static () => { };

        public override long GetTimestamp()
        {
            Asked();
            return base.GetTimestamp();
        }
    }
}
