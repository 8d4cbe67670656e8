using System.Runtime.CompilerServices;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Queues;

/// <summary>Whoever waits for room goes on as soon as there is some.</summary>
public sealed class BlockPublisherTests
{
    [Fact]
    public async Task Publish_WaitingForAConsumerOfAQueueOfLengthZero_GoesOnWithTheNextCredit()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration("q").MaxLength(0, Overflow.BlockPublisher));
        IConsumer consumer = await channel.StartConsumerAsync("q", new ConsumerOptions { PrefetchCount = 1 });
        await channel.PublishAsync("", "q", Message.Text("first"));
        Task second = channel.PublishAsync("", "q", Message.Text("second")).AsTask();
        Assert.False(second.IsCompleted);

        IReadOnlyList<Delivery> first = await consumer.TakeAsync(1);
        await channel.AckAsync(first[0].DeliveryTag);

        await second.WaitAsync(BrokerFixture.Patience);
        Assert.Equal(["second"], await consumer.TakeTextsAsync(1));
    }

    [Fact]
    public async Task Publish_BehindALargerOneThatIsWithdrawn_GoesOn()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration("q").MaxLengthBytes(10, Overflow.BlockPublisher));
        await channel.PublishAsync("", "q", Message.Text("eight ch"));
        using CancellationTokenSource cancellation = new();
        Task large = channel.PublishAsync("", "q", Message.Text("also 8 c"), cancellationToken: cancellation.Token).AsTask();
        Task small = channel.PublishAsync("", "q", Message.Text("2c")).AsTask();
        Assert.False(small.IsCompleted);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        await small.WaitAsync(BrokerFixture.Patience);
        Assert.Equal(["eight ch", "2c"], await broker.DrainAsync("q"));
    }

    [Fact]
    public async Task Publish_WaitingWhenAPolicyTurnsToDropHead_GoesOn()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync(new QueueDeclaration("q").WithArgument(QueueArgument.MaxLength, 1));
        await broker.Broker.Management.SetPolicyAsync("/", new Policy("full", "^q$", HeaderTable.Of("overflow", "block-publisher")));
        await channel.PublishAsync("", "q", Message.Text("first"));
        Task second = channel.PublishAsync("", "q", Message.Text("second")).AsTask();
        Assert.False(second.IsCompleted);

        await broker.Broker.Management.SetPolicyAsync("/", new Policy("full", "^q$", HeaderTable.Of("overflow", "drop-head")));

        await second.WaitAsync(BrokerFixture.Patience);
        Assert.Equal(["second"], await broker.DrainAsync("q"));
    }

    [Fact]
    public void WaitingRoom_OfPublishesThatWereWithdrawn_DoesNotKeepThem()
    {
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q").MaxLength(1, Overflow.BlockPublisher));
        QueueStand.Enqueue(queue, "first");

        List<WeakReference> messages = WaitAndWithdraw(queue, 1_000);
        GC.Collect();

        Assert.InRange(messages.Count(static message => message.IsAlive), 0, 100);
        Assert.Equal(0, queue.Describe().WaitingPublishCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static List<WeakReference> WaitAndWithdraw(Queue queue, int count)
    {
        List<WeakReference> messages = [];
        for (int i = 0; i < count; i++)
        {
            Message message = Message.Text("waits");
            PendingPublish? pending = null;
            Assert.Equal(EnqueueOutcome.Waiting, queue.Enqueue(message, "", "q", 0, ref pending));
            pending!.Withdraw(CancellationToken.None);
            messages.Add(new WeakReference(message));
        }

        return messages;
    }
}
