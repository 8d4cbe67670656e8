using EmbeddedMq.Channels;
using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;
using EmbeddedMq.Tests.Queues;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Channels;

/// <summary>What is put back is in its place before whoever had it can take anything else.</summary>
public sealed class SettlerTests
{
    [Fact]
    public void Requeue_ByAConsumerWithoutCredit_GivesItBackWithinTheQueue()
    {
        using QueueStand stand = new();
        HostOfOne host = new();
        Consumer consumer = new("c", new ConsumerOptions(), prefetchCount: 1, stand, host);
        QueueEntry entry = new(Message.Text("m"), "", "q", host);
        Assert.True(consumer.TryTakeCredit());

        Settler.Settle([new Unsettled(1, entry, consumer)], Settlement.Requeue);
        Settler.Settle([new Unsettled(2, entry, consumer, IsUnseen: true)], Settlement.Requeue);
        Assert.Equal([(false, "c"), (false, "c")], host.Requeued);
    }

    [Fact]
    public async Task Requeue_ByAConsumerOfAFullWindow_KeepsItsPlaceUntilThat()
    {
        await using BrokerFixture broker = await EmbeddedBroker.StartAsync();
        IChannel channel = await broker.OpenChannelAsync();
        IChannel otherChannel = await broker.OpenChannelAsync();
        await channel.DeclareQueueAsync("q");
        await channel.SetPrefetchAsync(1, perChannel: true);
        IConsumer windowed = await channel.StartConsumerAsync("q", new ConsumerOptions { Priority = 1 });
        IConsumer other = await otherChannel.StartConsumerAsync("q");
        await channel.PublishAsync("", "q", Message.Text("1"));
        Delivery first = Assert.Single(await windowed.TakeAsync(1));
        await channel.NackAsync(first.DeliveryTag);
        Assert.Equal(["1"], await other.TakeTextsAsync(1));

        await channel.PublishAsync("", "q", Message.Text("2"));
        Assert.Equal(["2"], await windowed.TakeTextsAsync(1));
    }

    /// <summary>Notes whether a consumer could take something already when its entry comes back, and whose credit it is to give.</summary>
    private sealed class HostOfOne : IConsumerHost, IEntryOwner
    {
        internal List<(bool CanTake, string Holder)> Requeued { get; } = [];

        public string Name => "q";

        public bool IsAbandoned => false;

        public bool ShowsDeliveryCount => false;

        public void Requeue(ReadOnlySpan<QueueEntry> failed, ReadOnlySpan<QueueEntry> unseen, ReadOnlySpan<Consumer> holders = default)
            => Requeued.Add((holders[0].CanTake(), holders[0].ConsumerTag));

        public void Acknowledge(QueueEntry entry, bool isCounted = false)
        {
        }

        public void Reject(QueueEntry entry)
        {
        }

        public void Resume(Consumer consumer)
        {
        }

        public void ResumeWithNext(Consumer consumer)
        {
        }

        public void Suspend(Consumer consumer)
        {
        }

        public bool TryPass() => true;
    }
}
