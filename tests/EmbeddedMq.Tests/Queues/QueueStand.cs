using EmbeddedMq.Channels;
using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.TestSupport;
using EmbeddedMq.Threading;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Queues;

/// <summary>Queues by themselves: in place of the virtual host and the channels there is this, which notes what it is told.</summary>
internal sealed class QueueStand : IQueueOwner, IDeliveryLedger, IDisposable
{
    private readonly Scheduler _scheduler;

    /// <param name="backlog">Has queues put messages away on <see cref="Store"/>; <see langword="null"/>: all of them stay in memory.</param>
    internal QueueStand(BacklogSettings? backlog = null)
    {
        _scheduler = new Scheduler(new BrokerClock(Time), Reported.Add);
        Memory = new MemoryLedger(long.MaxValue, static _ => { }, backlog?.BudgetBytes ?? long.MaxValue, () => Pager?.NotePressure());
        if (backlog is not null)
        {
            Pager = new BacklogPager(Store, backlog, Memory, _scheduler, Log);
            Pump = new PagerPump(Pager);
        }
    }

    internal FakeTimeProvider Time { get; } = new();

    internal MemoryLedger Memory { get; }

    internal FakeBacklogStore Store { get; } = new();

    internal BacklogPager? Pager { get; }

    /// <summary>Does the pager's work: page-ins at once, putting away when it is told to.</summary>
    internal PagerPump? Pump { get; }

    internal RecordingLog Log { get; } = new();

    /// <summary>The book of the one channel.</summary>
    internal UnackedDeliveries Book { get; } = new();

    internal List<Exception> Reported { get; } = [];

    /// <summary>The dead, as <c>text reason</c>, in order.</summary>
    internal List<string> Dead { get; } = [];

    internal List<Queue> DeletedUnused { get; } = [];

    /// <summary>Called for each dead message before it is noted.</summary>
    internal Action<QueueEntry> OnDead { get; set; } = static _ => { };

    internal Queue Declare(QueueDeclaration declaration, StoredQueue? stored = null)
    {
        QueueSettings settings = QueueArguments.Parse("/", declaration);
        return new Queue(declaration, settings, settings, null, this, _scheduler, Memory, stored, Pager);
    }

    /// <summary>Makes a consumer that is not in the queue yet.</summary>
    internal Consumer NewConsumer(Queue queue, int prefetchCount = 0, bool autoAck = false, int priority = 0)
        => new("ctag", new ConsumerOptions { AutoAck = autoAck, Priority = priority }, prefetchCount, this, queue);

    internal static EnqueueOutcome Enqueue(Queue queue, string text, MessageProperties? properties = null)
    {
        PendingPublish? pending = null;
        return queue.Enqueue(Message.Text(text, properties), "", queue.Name, 0, ref pending);
    }

    /// <inheritdoc/>
    public void Dispose() => _scheduler.Dispose();

    bool IDeadLetterTarget.DeadLetter(Queue queue, QueueSettings settings, QueueEntry entry, DeathReason reason)
    {
        OnDead(entry);
        Dead.Add($"{entry.Message.GetText()} {reason}");
        return true;
    }

    void IQueueOwner.DeleteUnused(Queue queue) => DeletedUnused.Add(queue);

    void IQueueOwner.DeleteExpired(Queue queue)
    {
    }

    bool IDeliveryLedger.HasWindowPlace => Book.HasWindowPlace;

    bool IDeliveryLedger.TryTakeWindow() => Book.TryTakeWindow();

    ulong IDeliveryLedger.Register(QueueEntry entry, Consumer? consumer) => Book.Register(entry, consumer);

    ulong IDeliveryLedger.NextDeliveryTag() => Book.NextTag();

    void IDeliveryLedger.Cancel(Consumer consumer) => ((Queue)consumer.Host).RemoveConsumer(consumer);

    bool IDeliveryLedger.TryTakeBack(ulong deliveryTag) => Book.TryTake(deliveryTag, out _);

    long IDeliveryLedger.EndTally(Consumer consumer) => Book.EndTally(consumer);

    void IDeliveryLedger.ReturnUnread(Consumer consumer)
    {
        foreach ((QueueEntry entry, ulong tag) in consumer.TakeUnread())
        {
            Assert.True(consumer.Options.AutoAck || Book.TryTake(tag, out _));
            consumer.Host.Requeue([], [entry]);
        }
    }

    void IDeliveryLedger.QueueGone(Consumer consumer)
    {
    }
}
