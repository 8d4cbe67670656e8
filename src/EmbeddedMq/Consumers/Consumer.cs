using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using EmbeddedMq.Messages;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Consumers;

/// <summary>A consumer of one queue: its credit, and the mailbox that its reader takes deliveries from.</summary>
/// <remarks>
/// The queue posts under its gate, so that deliveries keep the queue's order; a post never runs the reader's code. Credit is taken under the
/// queue's gate and given back without it; the gate is taken again only by a return to a consumer that had run out
/// (<see cref="IsStarved"/>). The two sides meet by a fence each: the queue marks the consumer as starved and looks at the credit once more,
/// a return adds the credit and then looks at the mark.
/// </remarks>
internal sealed class Consumer : IConsumer
{
    /// <summary>How many unread deliveries a consumer with automatic acknowledgement may hold: what the network's buffers are to a remote one.</summary>
    internal const int AutoAckWindow = 1_024;

    // Prefetch 0 means no limit; half of the range leaves room for credit given back twice by a defect to be seen rather than to wrap.
    private const int Unlimited = int.MaxValue / 2;

    private readonly IDeliveryLedger _ledger;
    private readonly IConsumerHost _host;
    private readonly Mailbox<Slot> _mailbox = new();
    private readonly TaskCompletionSource<ConsumerEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _credit;
    private int _isReading;
    private volatile bool _isStarved; // written under the queue's gate
    private volatile Exception? _failure;

    /// <summary>Makes a consumer; the queue adds it.</summary>
    /// <param name="consumerTag">Its tag, unique on its channel.</param>
    /// <param name="options">How it consumes.</param>
    /// <param name="prefetchCount">Its own prefetch: 0 for no limit.</param>
    /// <param name="ledger">Its channel.</param>
    /// <param name="host">Its queue.</param>
    internal Consumer(string consumerTag, ConsumerOptions options, int prefetchCount, IDeliveryLedger ledger, IConsumerHost host)
    {
        ConsumerTag = consumerTag;
        Options = options;
        _ledger = ledger;
        _host = host;
        _credit = options.AutoAck ? AutoAckWindow : prefetchCount == 0 ? Unlimited : prefetchCount;
        RingNode = new LinkedListNode<Consumer>(this);
    }

    /// <inheritdoc/>
    public string ConsumerTag { get; }

    /// <inheritdoc/>
    public string Queue => _host.Name;

    /// <inheritdoc/>
    public Task<ConsumerEnd> Ended => _ended.Task;

    /// <summary>How it consumes.</summary>
    internal ConsumerOptions Options { get; }

    /// <summary>The queue that it consumes from.</summary>
    internal IConsumerHost Host => _host;

    /// <summary>Whether it has credit of its own.</summary>
    internal bool HasCredit => Volatile.Read(ref _credit) > 0;

    /// <summary>Whether it holds deliveries that nobody has read.</summary>
    internal bool HasUnread => _mailbox.Count > 0;

    /// <summary>Whether it ran out of credit and left the ring. Written under the queue's gate.</summary>
    internal bool IsStarved => _isStarved;

    /// <summary>Its place in the queue's ring; in no list while it is starved or inactive. Guarded by the queue's gate.</summary>
    internal LinkedListNode<Consumer> RingNode { get; }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Delivery> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _isReading, 1) != 0)
        {
            throw new InvalidOperationException($"Consumer '{ConsumerTag}' of queue '{Queue}' is being read already. A consumer has one reader; start another consumer for a second one.");
        }

        try
        {
            while (await _mailbox.WaitToTakeAsync(cancellationToken).ConfigureAwait(false))
            {
                while (TryRead(out Delivery delivery))
                {
                    yield return delivery;
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }
        }
        finally
        {
            Volatile.Write(ref _isReading, 0);
        }

        if (_failure is { } failure)
        {
            throw failure;
        }
    }

    /// <inheritdoc/>
    public ValueTask CancelAsync(CancellationToken cancellationToken = default)
    {
        _ledger.Cancel(this);
        End(ConsumerEnd.Cancelled, null);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await CancelAsync().ConfigureAwait(false);
        _ledger.ReturnUnread(this);
    }

    /// <summary>Takes one credit, and a place in the channel's window, for one delivery. Called under the queue's gate.</summary>
    /// <returns>Whether there was any; otherwise the consumer is starved until credit comes back.</returns>
    internal bool TryTakeCredit()
    {
        if (HasCredit && (Options.AutoAck || _ledger.TryTakeWindow()))
        {
            Interlocked.Decrement(ref _credit);
            return true;
        }

        _isStarved = true;
        Interlocked.MemoryBarrier(); // the mark before the second look; see the remarks
        if (HasCredit && (Options.AutoAck || _ledger.TryTakeWindow()))
        {
            _isStarved = false;
            Interlocked.Decrement(ref _credit);
            return true;
        }

        return false;
    }

    /// <summary>Ends the starving. Called under the queue's gate.</summary>
    /// <returns>Whether it was starved.</returns>
    internal bool TryEndStarving()
    {
        bool wasStarved = _isStarved;
        _isStarved = false;
        return wasStarved;
    }

    /// <summary>Hands a message over. Called under the queue's gate, with credit taken.</summary>
    /// <param name="entry">The message, acquired.</param>
    /// <returns><see langword="false"/> when its channel has closed; the message stays with the queue.</returns>
    internal bool TryPost(QueueEntry entry)
    {
        ulong tag = Options.AutoAck ? _ledger.NextDeliveryTag() : _ledger.Register(entry, this);
        return tag != 0 && _mailbox.TryPost(new Slot(entry, tag, entry.FailedDeliveries, entry.Redelivered));
    }

    /// <summary>Gives credit back for settled deliveries.</summary>
    /// <param name="count">How many.</param>
    internal void ReturnCredit(int count)
    {
        Interlocked.Add(ref _credit, count);
        if (_isStarved)
        {
            _host.Resume(this);
        }
    }

    /// <summary>Tells the reader that nothing more will come; what was received can still be read.</summary>
    /// <param name="end">Why.</param>
    /// <param name="failure">What the reader's enumeration ends with; <see langword="null"/> for a quiet end.</param>
    internal void End(ConsumerEnd end, Exception? failure)
    {
        _failure ??= failure;
        _mailbox.Complete();
        _ended.TrySetResult(end);
    }

    /// <summary>Ends it because its queue has gone.</summary>
    internal void EndWithQueue()
    {
        _ledger.QueueGone(this);
        End(ConsumerEnd.QueueGone, null);
    }

    /// <summary>Takes a message that nobody has read, after the queue has let go of the consumer.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="deliveryTag">The tag under which the channel holds it as unsettled, unless it is acknowledged automatically.</param>
    internal bool TryTakeUnread([NotNullWhen(true)] out QueueEntry? entry, out ulong deliveryTag)
    {
        bool taken = _mailbox.TryTake(out Slot slot);
        entry = slot.Entry;
        deliveryTag = slot.Tag;
        return taken;
    }

    private bool TryRead(out Delivery delivery)
    {
        if (!_mailbox.TryTake(out Slot slot))
        {
            delivery = default;
            return false;
        }

        if (Options.AutoAck)
        {
            slot.Entry.Owner.Acknowledge(slot.Entry);
            ReturnCredit(1);
        }

        delivery = DeliveryFactory.Create(slot.Entry, slot.Tag, ConsumerTag, slot.FailedDeliveries, slot.Redelivered);
        return true;
    }

    // What the entry said when it was handed over: it may be requeued and delivered elsewhere before this is read.
    private readonly record struct Slot(QueueEntry Entry, ulong Tag, int FailedDeliveries, bool Redelivered);
}
