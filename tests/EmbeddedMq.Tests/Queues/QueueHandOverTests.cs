using System.Runtime.CompilerServices;
using EmbeddedMq.Channels;
using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;

namespace EmbeddedMq.Tests.Queues;

/// <summary>A message is in one place at a time, also when a consumer ends while the queue still knows it.</summary>
public sealed class QueueHandOverTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HandOver_ToAConsumerThatHasEnded_LeavesTheMessageWithTheQueueAlone(bool autoAck)
    {
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q"));
        Consumer consumer = stand.NewConsumer(queue, prefetchCount: 5, autoAck);
        queue.AddConsumer(consumer, "/");

        // Two cancels at once: one is about to take the consumer out of the queue, the other has ended it already.
        consumer.End(ConsumerEnd.Cancelled, null);
        QueueStand.Enqueue(queue, "m");

        Assert.Equal(0, stand.Book.Count);
        Assert.Equal((1, 0), (queue.Describe().ReadyCount, queue.Describe().UnackedCount));
        Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
        queue.Acknowledge(entry);
        Assert.Equal(0, stand.Memory.Bytes);
    }

    /// <summary>Consumers count what they acknowledge; the queue's counts are the same before, when they have left it, and when the rest is settled after that.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Acknowledged_ByAConsumerThatLeaves_StaysCountedAndSoIsWhatFollows(bool autoAck)
    {
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q"));
        Consumer consumer = stand.NewConsumer(queue, autoAck: autoAck);
        queue.AddConsumer(consumer, "/");
        for (int i = 0; i < 3; i++)
        {
            QueueStand.Enqueue(queue, "m");
        }

        Settle();
        Assert.Equal((1, 2), Counts());

        queue.RemoveConsumer(consumer);
        Assert.Equal((1, 2), Counts());

        Settle();
        Settle();
        Assert.Equal((3, 0), Counts());
        Assert.Equal(0, stand.Memory.Bytes);

        (long, long) Counts() => (queue.Describe().AckedTotal, queue.Describe().UnackedCount);

        void Settle()
        {
            Assert.True(consumer.TryRead(out Delivery delivery));
            if (!autoAck)
            {
                Assert.True(stand.Book.TryTakeAcknowledged(delivery.DeliveryTag, out Unsettled unsettled, out bool isCounted));
                queue.Acknowledge(unsettled.Entry, isCounted);
            }
        }
    }

    [Fact]
    public void RemoveConsumer_AfterItRefusedAMessage_StillCountsAsTheLastOneLeaving()
    {
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q").AutoDelete());
        Consumer consumer = stand.NewConsumer(queue);
        queue.AddConsumer(consumer, "/");
        stand.Book.Close(); // the channel has closed and is about to take its consumers out
        QueueStand.Enqueue(queue, "m");

        Assert.True(queue.RemoveConsumer(consumer));

        Assert.Equal([queue], stand.DeletedUnused);
    }

    [Fact]
    public void RemoveConsumer_ThatWaitedForTheNextMessage_LeavesNothingOfItBehind()
    {
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q"));
        WeakReference consumer = UseUpReturnAndRemove(stand, queue);
        GC.Collect();
        Assert.False(consumer.IsAlive);
        GC.KeepAlive(queue);
    }

    [Fact]
    public void Aftermath_OneDeadLetterFails_TheOthersGoOnAndNothingIsLeftBehind()
    {
        using QueueStand stand = new();
        Queue queue = stand.Declare(new QueueDeclaration("q").DeadLetterTo("dead").WithDeliveryLimit(0));
        List<QueueEntry> entries = [];
        foreach (string text in (string[])["a", "b", "c"])
        {
            QueueStand.Enqueue(queue, text);
            Assert.True(queue.TryAcquire(out QueueEntry? entry, out _, out _));
            entries.Add(entry);
        }

        stand.OnDead = static entry =>
        {
            if (entry.Message.GetText() == "a")
            {
                throw new InvalidOperationException("planted");
            }
        };

        Assert.Equal("planted", Assert.Throws<InvalidOperationException>(() => queue.Requeue(entries.ToArray(), [])).Message);
        Assert.Equal(["b DeliveryLimit", "c DeliveryLimit"], stand.Dead);
        Assert.Equal((2, 1), (queue.Describe().DeadLetteredTotal, queue.Describe().DroppedTotal));
        Assert.Equal(0, stand.Memory.Bytes);
    }

    // Not inlined: the test's own frame must not hold it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference UseUpReturnAndRemove(QueueStand stand, Queue queue)
    {
        const int Prefetch = 256;
        Consumer consumer = stand.NewConsumer(queue, Prefetch);
        queue.AddConsumer(consumer, "/");
        for (int i = 0; i <= Prefetch; i++)
        {
            QueueStand.Enqueue(queue, "m");
        }

        consumer.ReturnCredit(Prefetch / 4); // enough for the next message to let it go on
        stand.Book.Close();
        queue.RemoveConsumer(consumer);
        return new WeakReference(consumer);
    }
}
