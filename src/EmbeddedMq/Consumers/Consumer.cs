using System.Runtime.InteropServices;
using EmbeddedMq.Messages;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Consumers;

/// <summary>A consumer of one queue: its credit, and the mailbox that its reader takes deliveries from.</summary>
/// <remarks>
/// The queue posts under its gate, so that deliveries keep the queue's order, and wakes the reader when it has left it. Credit is taken under the
/// queue's gate and given back without it (<see cref="ConsumerCredit"/>); the gate is taken again only by a return to a consumer that had run
/// out (<see cref="IsStarved"/>). The two sides meet by a fence each: the queue marks the consumer as starved and looks at the credit once
/// more, a return adds the credit and then looks at the mark.
/// <para>A consumer with a long window that has run out goes on with the next publish when a part of the window is free, and by itself when half of it
/// is, or when it has nothing left to read: one message at a time through the queue's gate would cost both sides more than all the rest. Nobody waits
/// for that, because there is something to read meanwhile. It goes on at once beside consumers of other priorities, of which a lower one receives only
/// what no higher one has credit for, and where what waits may die meanwhile, or keep others out.</para>
/// </remarks>
internal sealed class Consumer : IConsumer
{
    /// <summary>How many unread deliveries a consumer with automatic acknowledgement may hold: what the network's buffers are to a remote one.</summary>
    internal const int AutoAckWindow = 1_024;

    // Windows shorter than this are kept full to the last place. Of longer ones one part is free before publishers fill them again, and another before
    // whoever gives credit back does so: that is work, and of the two sides the one that is ahead is to do it.
    private const int LongWindow = 256;
    private const int OfferShare = 8;
    private const int RefillShare = 2;

    // Credit that comes back by reading comes back so many at a time, and when there is nothing left to read.
    private const int ReturnBatch = 32;

    // Prefetch 0 means no limit; half of the range leaves room for credit given back twice by a defect to be seen rather than to wrap.
    private const int Unlimited = int.MaxValue / 2;

    private readonly IDeliveryLedger _ledger;
    private readonly IConsumerHost _host;
    private readonly Mailbox<Slot> _mailbox;
    private readonly TaskCompletionSource<ConsumerEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _isAutoAck;
    private readonly int _offerCredit;  // how much lets publishers end the starving
    private readonly int _refillCredit; // how much ends it while there is something to read
    private int _isReading;
    private volatile bool _isStarved;   // written under the queue's gate
    private volatile bool _goesOnAtOnce; // the same
    private volatile Exception? _failure;
    private ConsumerCredit _credit;
    private TakingSide _taking;

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
        _isAutoAck = options.AutoAck;
        _ledger = ledger;
        _host = host;
        _mailbox = new Mailbox<Slot>(host);
        int window = options.AutoAck ? AutoAckWindow : prefetchCount == 0 ? Unlimited : prefetchCount;
        _credit = new ConsumerCredit(window);
        _offerCredit = window / OfferShare;
        _refillCredit = window < LongWindow ? 1 : window / RefillShare;
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

    /// <summary>Whether it holds deliveries that nobody has read.</summary>
    internal bool HasUnread => _mailbox.HasItems;

    /// <summary>What its reader's enumeration ends with; <see langword="null"/> for a quiet end, and before that.</summary>
    internal Exception? Failure => _failure;

    /// <summary>How many acknowledgements it has counted itself, as long as it is its queue's.</summary>
    internal long AcknowledgedCount => _taking.Acknowledged.Count;

    /// <summary>Whether it ran out of credit and left the ring. Written under the queue's gate.</summary>
    internal bool IsStarved => _isStarved;

    /// <summary>Whether it receives nothing any more and only keeps its place until it is removed. Guarded by the queue's gate.</summary>
    internal bool IsSuspended { get; set; }

    /// <summary>Its place in the queue's ring; in no list while it is starved or inactive. Guarded by the queue's gate.</summary>
    internal LinkedListNode<Consumer> RingNode { get; }

    /// <inheritdoc/>
    public IAsyncEnumerable<Delivery> ReadAllAsync(CancellationToken cancellationToken = default) => new DeliverySequence(this, cancellationToken);

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
        // What nobody has read goes back before the queue lets another consumer take this one's place: its order is kept.
        _host.Suspend(this);
        End(ConsumerEnd.Cancelled, null);
        _ledger.ReturnUnread(this);
        await CancelAsync().ConfigureAwait(false);
    }

    /// <summary>Makes the caller the one reader.</summary>
    /// <exception cref="InvalidOperationException">There is one.</exception>
    internal void BeginReading()
    {
        if (Interlocked.Exchange(ref _isReading, 1) != 0)
        {
            throw new InvalidOperationException($"Consumer '{ConsumerTag}' of queue '{Queue}' is being read already. A consumer has one reader; start another consumer for a second one.");
        }
    }

    /// <summary>Ends what <see cref="BeginReading"/> began.</summary>
    internal void EndReading()
    {
        ReturnRead(); // the last may have been read after its credit, and that of others, came back
        Volatile.Write(ref _isReading, 0);
    }

    /// <summary>Waits until there may be something to read, or, with <see langword="false"/>, will not be any more. Called by the reader.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken)
    {
        ReturnRead(); // and what came back while there was something to read
        return _mailbox.WaitToTakeAsync(cancellationToken);
    }

    /// <summary>Reads the next delivery if there is one. Called by the reader.</summary>
    /// <param name="delivery">The delivery.</param>
    internal bool TryRead(out Delivery delivery)
    {
        bool isCounted = false;
        Slot slot;
        using (_taking.Gate.Enter())
        {
            if (!_mailbox.TryRead(out slot))
            {
                delivery = default;
                return false;
            }

            if (_isAutoAck)
            {
                isCounted = _taking.Acknowledged.TryAdd();
            }
        }

        if (_isAutoAck)
        {
            slot.Entry.Owner.Acknowledge(slot.Entry, isCounted);
            if (++_taking.Unreturned >= ReturnBatch || _goesOnAtOnce)
            {
                ReturnRead();
            }
        }

        delivery = DeliveryFactory.Create(slot.Entry, slot.Tag, ConsumerTag, slot.FailedDeliveries, slot.Redelivered);
        return true;
    }

    /// <summary>Takes one credit, and a place in the channel's window, for one delivery. Called under the queue's gate.</summary>
    /// <returns>Whether there was any; otherwise the consumer is starved until credit comes back.</returns>
    internal bool TryTakeCredit()
    {
        if (_credit.Any() && (_isAutoAck || _ledger.TryTakeWindow()))
        {
            _credit.Take();
            return true;
        }

        _isStarved = true;
        Interlocked.MemoryBarrier(); // the mark before the second look; see the remarks
        if (_credit.Any() && (_isAutoAck || _ledger.TryTakeWindow()))
        {
            _isStarved = false;
            _credit.Take();
            return true;
        }

        return false;
    }

    /// <summary>Whether <see cref="TryTakeCredit"/> would succeed now; otherwise the consumer is starved, as by that. Called under the queue's gate.</summary>
    internal bool CanTake()
    {
        if (_credit.Any() && (_isAutoAck || _ledger.HasWindowPlace))
        {
            return true;
        }

        _isStarved = true;
        Interlocked.MemoryBarrier(); // as in TryTakeCredit
        if (_credit.Any() && (_isAutoAck || _ledger.HasWindowPlace))
        {
            _isStarved = false;
            return true;
        }

        return false;
    }

    /// <summary>Says whether a starved consumer with a long window goes on with the first credit that comes back. Called under the queue's gate.</summary>
    /// <param name="atOnce">Whether it does.</param>
    /// <returns>Whether it is starved and has some already, so that it goes on now.</returns>
    internal bool SetGoesOnAtOnce(bool atOnce)
    {
        _goesOnAtOnce = atOnce;
        Interlocked.MemoryBarrier(); // a return adds the credit and then looks at this
        return atOnce && _isStarved && _credit.Any();
    }

    /// <summary>Ends the starving. Called under the queue's gate.</summary>
    /// <returns>Whether it was starved.</returns>
    internal bool TryEndStarving()
    {
        bool wasStarved = _isStarved;
        _isStarved = false;
        return wasStarved;
    }

    /// <summary>Wakes its reader if that waits. After a post, under the queue's gate or after that.</summary>
    internal void Wake() => _mailbox.Wake();

    /// <summary>Hands a message over. Called under the queue's gate, with credit taken; <see cref="Wake"/> follows.</summary>
    /// <param name="entry">The message, acquired.</param>
    /// <returns><see langword="false"/> when it has ended or its channel has closed; the message stays with the queue.</returns>
    internal bool TryPost(QueueEntry entry)
    {
        ulong tag = _isAutoAck ? _ledger.NextDeliveryTag() : _ledger.Register(entry, this);
        if (tag == 0)
        {
            return false;
        }

        if (_mailbox.TryPost(new Slot(entry, tag, entry.FailedDeliveries, entry.Redelivered)))
        {
            return true;
        }

        // It has ended and its queue is about to be told. The message stays with the queue, unless whoever closes the channel has found it
        // in the book already: then that one holds it and puts it back.
        return !_isAutoAck && !_ledger.TryTakeBack(tag);
    }

    /// <summary>Gives credit back for a delivery that is put back. Called under the queue's gate, and the queue lets it take part again.</summary>
    internal void AddCredit() => _credit.Return(1);

    /// <summary>Gives credit back for settled deliveries.</summary>
    /// <param name="count">How many.</param>
    internal void ReturnCredit(int count)
    {
        // The addition is a fence, too, between the reader's emptying of the mailbox and its look at the credit: of a return and the reader at
        // least one sees what the other did. A consumer that is starved by its channel's window only has credit that this does not see: that
        // channel lets it go on.
        int returned = _credit.Return(count);
        if (!_isStarved || returned <= 0)
        {
            return;
        }

        if (returned >= _refillCredit || _goesOnAtOnce || !HasUnread)
        {
            _host.Resume(this);
        }
        else if (returned >= _offerCredit)
        {
            _host.ResumeWithNext(this);
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

    /// <summary>Takes the messages that nobody has read, after the queue has let go of the consumer. All at once: what a reader beside this has is
    /// what came first, with nothing missing in between.</summary>
    /// <returns>Each with the tag under which the channel holds it as unsettled, unless it is acknowledged automatically.</returns>
    internal List<(QueueEntry Entry, ulong DeliveryTag)> TakeUnread()
    {
        List<(QueueEntry Entry, ulong DeliveryTag)> unread = [];
        using (_taking.Gate.Enter())
        {
            while (_mailbox.TryTake(out Slot slot))
            {
                unread.Add((slot.Entry, slot.Tag));
            }
        }

        return unread;
    }

    /// <summary>Counts the acknowledgement of a delivery that is taken from the channel's book. Called under the book's take gate.</summary>
    /// <returns><see langword="false"/> when the queue has let go of the consumer, and counts it itself.</returns>
    internal bool TryCountAcknowledged() => _taking.Acknowledged.TryAdd();

    /// <summary>Ends the consumer's own count of acknowledgements: the queue lets go of it. Called under the queue's gate.</summary>
    /// <returns>The count, for the queue to take over.</returns>
    internal long EndTally()
    {
        if (!_isAutoAck)
        {
            return _ledger.EndTally(this);
        }

        using (_taking.Gate.Enter())
        {
            return EndTally_NeedsTakeGate();
        }
    }

    /// <summary>The same under what guards the count.</summary>
    internal long EndTally_NeedsTakeGate() => _taking.Acknowledged.End();

    // Of what was acknowledged by reading it.
    private void ReturnRead()
    {
        int count = _taking.Unreturned;
        _taking.Unreturned = 0;
        ReturnCredit(count);
    }

    // What the reader writes, apart from what the queue writes.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct TakingSide
    {
        [FieldOffset(64)]
        internal ShortLock Gate; // of taking from the mailbox: the reader, and whoever takes what nobody has read

        [FieldOffset(72)]
        internal AcknowledgementTally Acknowledged; // guarded by the gate where reading acknowledges, else by the book's take gate

        [FieldOffset(88)]
        internal int Unreturned; // the reader's: credit for what it has read
    }

    // What the entry said when it was handed over: it may be requeued and delivered elsewhere before this is read.
    private readonly record struct Slot(QueueEntry Entry, ulong Tag, int FailedDeliveries, bool Redelivered);
}
