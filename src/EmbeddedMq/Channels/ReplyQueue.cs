using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Channels;

/// <summary>The destination behind direct reply-to: no queue at all, a name that leads straight to one consumer.</summary>
/// <remarks>
/// It keeps nothing: what its consumer has not read when it ends is gone, as AMQP applications expect of replies whose requester has gone.
/// A reply is accepted whatever the consumer's credit, because the requests that it asked for bound it. Source: RabbitMQ direct reply-to.
/// </remarks>
/// <param name="name">The name that requests carry.</param>
/// <param name="memory">Where unread replies are counted.</param>
internal sealed class ReplyQueue(string name, MemoryLedger memory) : IMessageSink, IEntryOwner, IConsumerHost
{
    /// <summary>What an application consumes from and gives as its reply-to.</summary>
    internal const string PseudoName = "amq.rabbitmq.reply-to";

    /// <summary>What the names begin with that requests carry.</summary>
    internal const string Prefix = PseudoName + ".";

    private ShortLock _postGate; // a consumer is posted to by one at a time
    private Consumer? _consumer; // guarded by _postGate; null once it receives nothing any more

    /// <summary>The name that requests carry.</summary>
    public string Name => name;

    /// <inheritdoc/>
    public DestinationKind Kind => DestinationKind.Queue;

    /// <inheritdoc/>
    public bool ShowsDeliveryCount => false;

    /// <inheritdoc/>
    public bool IsAbandoned => false;

    /// <summary>Sets the one consumer.</summary>
    /// <param name="consumer">The consumer.</param>
    internal void Attach(Consumer consumer)
    {
        using (_postGate.Enter())
        {
            _consumer = consumer;
        }
    }

    /// <inheritdoc/>
    public EnqueueOutcome Enqueue(Message message, string exchange, string routingKey, ulong storedAt, ref PendingPublish? pending)
    {
        QueueEntry entry = new(message, exchange, routingKey, this);
        entry.Move(EntryState.Waiting, EntryState.Acquired);
        memory.Add(entry.MemoryBytes);
        if (TryPost(entry))
        {
            return EnqueueOutcome.Accepted;
        }

        memory.Release(entry.MemoryBytes);
        return EnqueueOutcome.Gone;
    }

    /// <inheritdoc/>
    public void Acknowledge(QueueEntry entry, bool isCounted) => Settle(entry);

    /// <inheritdoc/>
    public void Requeue(ReadOnlySpan<QueueEntry> failed, ReadOnlySpan<QueueEntry> unseen, ReadOnlySpan<Consumer> holders = default)
    {
        foreach (QueueEntry entry in failed)
        {
            Settle(entry);
        }

        foreach (QueueEntry entry in unseen)
        {
            Settle(entry);
        }
    }

    /// <inheritdoc/>
    public void Reject(QueueEntry entry) => Settle(entry);

    /// <inheritdoc/>
    public void Resume(Consumer consumer)
    {
        // Replies do not wait for credit, so nobody is ever starved.
    }

    /// <inheritdoc/>
    public void ResumeWithNext(Consumer consumer)
    {
        // As above.
    }

    /// <inheritdoc/>
    public void Suspend(Consumer consumer)
    {
        // A consumer that has ended refuses replies by itself, but for one that is being posted: nobody would take that out of it any more.
        using (_postGate.Enter())
        {
            _consumer = null;
        }
    }

    /// <inheritdoc/>
    public bool TryPass() => _postGate.TryPass();

    private bool TryPost(QueueEntry entry)
    {
        Consumer? consumer;
        using (_postGate.Enter())
        {
            consumer = _consumer;
            if (consumer?.TryPost(entry) != true)
            {
                return false;
            }
        }

        consumer.Wake();
        return true;
    }

    private void Settle(QueueEntry entry)
    {
        entry.Move(EntryState.Acquired, EntryState.Settled);
        memory.Release(entry.MemoryBytes);
    }
}
