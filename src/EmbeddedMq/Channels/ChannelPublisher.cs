using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Journal;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Threading;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Channels;

/// <summary>The publishing side of a channel: order, sequence numbers, waiting for memory, waiting for queues.</summary>
/// <remarks>
/// The publish gate makes concurrent publishes one sequence. It comes before the gates of queues in the lock order, and no other channel's
/// publish gate is ever taken under it. Events and completions happen after it.
/// </remarks>
/// <param name="channel">The channel.</param>
/// <param name="virtualHost">The virtual host.</param>
/// <param name="options">The channel's options.</param>
internal sealed class ChannelPublisher(Channel channel, VirtualHost virtualHost, ChannelOptions options)
{
    private readonly SerialExecutor _returns = new(channel.ReportHandlerFailure); // of publishes that had to wait
    private ShortLock _gate;
    private readonly ConcurrentDictionary<PendingPublish, long> _pending = new(ReferenceEqualityComparer.Instance as IEqualityComparer<PendingPublish>); // with its order
    private long _pendingOrder;
    private int _outstandingCount;
    private int _cancelledCount; // of those that wait for room; counted when they are cancelled, and not less as they are passed over

    // Guarded by _gate.
    private readonly Router _router = new(virtualHost, virtualHost.Services.Names.NextSeed());
    private readonly ChannelTransaction _transaction = new();
    private readonly Queue<WaitingPublish> _waitingForRoom = new();
    private ulong _lastSequenceNumber;
    private bool _isClosed;

    /// <summary>Whether publishes are confirmed, held for a transaction, or neither. Written under the gate.</summary>
    internal ChannelMode Mode { get; private set; } = options.Mode;

    /// <summary>Whether a publish waits that cannot go on yet.</summary>
    internal bool MustGoOnWaiting
    {
        get
        {
            using (_gate.Enter())
            {
                return _waitingForRoom.TryPeek(out WaitingPublish? first) && MustWait(first.Message);
            }
        }
    }

    /// <summary>Publishes a valid message.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="flags">Whether it comes back when no queue takes it.</param>
    /// <param name="cancellationToken">Stops the waiting for memory or for queues.</param>
    /// <exception cref="ChannelException">What closes the channel; it is thrown, not put into the task.</exception>
    internal ValueTask<PublishResult> PublishAsync(string exchange, string routingKey, Message message, PublishFlags flags, CancellationToken cancellationToken)
    {
        PublishOutcome outcome;
        PublishProgress progress = default;
        ulong sequenceNumber;
        using (_gate.Enter())
        {
            channel.ThrowIfClosed();
            if (_waitingForRoom.Count > 0 || (MustWait(message) && (flags & PublishFlags.InPlaceOfDelivery) == 0))
            {
                return WaitForRoom_NeedsGate(exchange, routingKey, message, flags, cancellationToken);
            }

            (outcome, sequenceNumber) = Publish_NeedsGate(exchange, routingKey, message, flags, ref progress);
        }

        return outcome == PublishOutcome.Confirmed && progress.Pending is null && !progress.IsStored
            ? new ValueTask<PublishResult>(new PublishResult(PublishOutcome.Confirmed, sequenceNumber))
            : FinishAsync(progress, outcome, sequenceNumber, exchange, routingKey, message, flags, cancellationToken);
    }

    /// <summary>Routes a valid message of a commit.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="mandatory">Whether some queue must take it.</param>
    /// <exception cref="ChannelException">403 internal exchange; 404 no such exchange; 406 invalid CC or BCC.</exception>
    /// <exception cref="PublishException">No queue takes it, or a full one refuses it.</exception>
    internal CommittedPublish RouteForCommit(string exchange, string routingKey, Message message, bool mandatory)
    {
        using (_gate.Enter())
        {
            return virtualHost.RouteForCommit(_router, exchange, routingKey, message, mandatory);
        }
    }

    /// <summary>Publishes what has waited for memory or for the disk, in order, as far as there is room.</summary>
    internal void ReleaseWaiting()
    {
        while (true)
        {
            WaitingPublish waiting;
            PublishOutcome outcome = default;
            PublishProgress progress = default;
            ulong sequenceNumber = 0;
            EmbeddedMqException? error = null;
            using (_gate.Enter())
            {
                if (_isClosed || _waitingForRoom.Count == 0)
                {
                    return;
                }

                if (MustWait(_waitingForRoom.Peek().Message))
                {
                    NoteBlocked_NeedsGate(); // where memory has run out again, its next release comes back here; so does the disk's
                    return;
                }

                waiting = _waitingForRoom.Dequeue();
                if (waiting.IsDone)
                {
                    continue;
                }

                try
                {
                    (outcome, sequenceNumber) = Publish_NeedsGate(waiting.Exchange, waiting.RoutingKey, waiting.Message, waiting.Flags, ref progress);
                }
                catch (EmbeddedMqException caught)
                {
                    error = caught;
                }
            }

            if (error is not null)
            {
                waiting.Fail(error);
                channel.CloseBecause(error);
                return;
            }

            if (outcome == PublishOutcome.Returned)
            {
                // Elsewhere: this thread lets the publishers of every connection go on, and a handler may take its time.
                _returns.Post(() =>
                {
                    channel.RaiseReturned(waiting.Exchange, waiting.RoutingKey, waiting.Message);
                    waiting.Complete(Result(outcome, sequenceNumber));
                });
            }
            else if (progress.Pending is not null)
            {
                waiting.CompleteWith(WaitForQueuesAsync(progress, outcome, sequenceNumber, waiting.Flags, waiting.CancellationToken));
            }
            else if (progress.IsStored)
            {
                waiting.CompleteWith(WaitForCommitAsync(progress, outcome, sequenceNumber, waiting.Flags, waiting.CancellationToken).AsTask());
            }
            else
            {
                waiting.Complete(Result(outcome, sequenceNumber));
            }
        }
    }

    /// <summary>Turns on confirms.</summary>
    /// <exception cref="ChannelException">406: the channel is transactional.</exception>
    internal void SelectConfirm()
    {
        using (_gate.Enter())
        {
            Mode = Mode == ChannelMode.Transactional ? throw MqErrors.CannotSwitchMode("tx", "confirm") : ChannelMode.Confirm;
        }
    }

    /// <summary>Makes the channel transactional.</summary>
    /// <exception cref="ChannelException">406: the channel confirms its publishes.</exception>
    internal void SelectTransaction()
    {
        using (_gate.Enter())
        {
            Mode = Mode == ChannelMode.Confirm ? throw MqErrors.CannotSwitchMode("confirm", "tx") : ChannelMode.Transactional;
        }
    }

    /// <summary>Carries out a transaction: publishes, then settlements, and waits for queues that keep publishers waiting.</summary>
    /// <param name="cancellationToken">Stops the waiting; the commit stays.</param>
    /// <exception cref="ChannelException">406: not transactional, or a queue refused a message.</exception>
    internal async ValueTask CommitAsync(CancellationToken cancellationToken)
    {
        List<WaitingPublish> takenAlong = [];
        ChannelTransaction transaction;
        List<PendingPublish> pendings = [];
        List<ChannelTransaction.HeldMessage> returned = [];
        bool rejected;
        bool isStored;
        ulong endedAt;
        try
        {
            using (_gate.Enter())
            {
                channel.ThrowIfClosed(); // a close beside this forgets the transaction: there would be nothing to say yes to
                CheckTransactional_NeedsGate();
                TakeWaitingAlong_NeedsGate(takenAlong);
                foreach (WaitingPublish publish in takenAlong)
                {
                    Hold_NeedsGate(publish.Exchange, publish.RoutingKey, publish.Message, publish.Flags);
                }

                rejected = StoreAndPublishHeld_NeedsGate(pendings, returned, out isStored, out endedAt);
                transaction = _transaction.TakeAll();
            }
        }
        finally
        {
            Answer(takenAlong);
        }

        foreach ((Settlement settlement, List<Unsettled> deliveries) in transaction.Settlements)
        {
            deliveries.Sort(Unsettled.ByTag);
            channel.Settle(deliveries, settlement);
        }

        foreach (ChannelTransaction.HeldMessage held in returned)
        {
            channel.RaiseReturned(held.Publish.Exchange, held.Publish.RoutingKey, held.Publish.Message);
        }

        // The token stops the waiting for them, not them.
        Task<PublishResult>[] waits =
            [.. pendings.Select(pending => WaitForQueuesAsync(
                new PublishProgress { Pending = pending }, PublishOutcome.Confirmed, 0, PublishFlags.None, CancellationToken.None))];
        if (isStored)
        {
            MessageStore store = virtualHost.Services.Store;
            await store.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (!store.IsKept(endedAt))
            {
                throw store.NotKept(); // the disk failed after it was appended, and is back
            }
        }

        PublishResult[] results = await Task.WhenAll(waits).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (rejected || results.Any(static result => !result.IsConfirmed))
        {
            throw MqErrors.PartialTransaction();
        }
    }

    /// <summary>Forgets a transaction; its deliveries are unsettled again.</summary>
    /// <returns>The deliveries, to be put back into the book.</returns>
    /// <exception cref="ChannelException">406: not transactional.</exception>
    internal IReadOnlyList<Unsettled> Rollback()
    {
        List<WaitingPublish> takenAlong = [];
        IReadOnlyList<Unsettled> deliveries;
        using (_gate.Enter())
        {
            CheckTransactional_NeedsGate();
            TakeWaitingAlong_NeedsGate(takenAlong);
            deliveries = ForgetTransaction_NeedsGate();
        }

        Answer(takenAlong);
        return deliveries;
    }

    /// <summary>Ends publishing: what waits for memory or for queues fails, what a transaction holds is forgotten.</summary>
    /// <param name="error">What waiting publishes fail with.</param>
    /// <returns>The deliveries whose settlement the transaction held.</returns>
    internal IReadOnlyList<Unsettled> Close(Func<EmbeddedMqException> error)
    {
        WaitingPublish[] waiting;
        IReadOnlyList<Unsettled> held;
        using (_gate.Enter())
        {
            _isClosed = true;
            _router.Close();
            waiting = [.. _waitingForRoom];
            _waitingForRoom.Clear();
            held = ForgetTransaction_NeedsGate();
        }

        foreach (WaitingPublish publish in waiting)
        {
            publish.Fail(error());
        }

        // The newest first: the room that one leaves must not let in another of this channel. Copied by the table itself: others change it beside
        // this, and what sorts it would take its count first and its contents after that.
        KeyValuePair<PendingPublish, long>[] pendings = _pending.ToArray();
        foreach (KeyValuePair<PendingPublish, long> pending in pendings.OrderByDescending(static pending => pending.Value))
        {
            pending.Key.Withdraw(CancellationToken.None);
        }

        return held;
    }

    /// <summary>Holds the settlement of deliveries for the transaction.</summary>
    /// <param name="settlement">How they are to be settled.</param>
    /// <param name="deliveries">The deliveries.</param>
    /// <returns><see langword="false"/> when the channel closes beside this: what was not committed goes back.</returns>
    internal bool TryHold(Settlement settlement, List<Unsettled> deliveries)
    {
        using (_gate.Enter())
        {
            if (!channel.IsOpen)
            {
                return false;
            }

            _transaction.Hold(settlement, deliveries);
            return true;
        }
    }

    private (PublishOutcome Outcome, ulong SequenceNumber) Publish_NeedsGate(
        string exchange, string routingKey, Message message, PublishFlags flags, ref PublishProgress progress)
    {
        if (Mode == ChannelMode.Transactional)
        {
            Hold_NeedsGate(exchange, routingKey, message, flags);
            return (PublishOutcome.Confirmed, 0);
        }

        ulong sequenceNumber = Mode == ChannelMode.Confirm ? ++_lastSequenceNumber : 0;
        PublishOutcome outcome = virtualHost.Publish(
            _router, exchange, routingKey, message, (flags & PublishFlags.Mandatory) != 0, ref progress);

        // Without confirms there is nothing to say no with: the message has been handed over, and the queue counts its refusal. Nor does anybody
        // wait for the disk.
        progress.IsStored &= Mode == ChannelMode.Confirm;
        return (Mode == ChannelMode.Plain && outcome == PublishOutcome.Rejected ? PublishOutcome.Confirmed : outcome, sequenceNumber);
    }

    // All but the usual end, out of its way: what is inlined costs a frame that is cleared with each publish.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<PublishResult> FinishAsync(
        in PublishProgress progress,
        PublishOutcome outcome,
        ulong sequenceNumber,
        string exchange,
        string routingKey,
        Message message,
        PublishFlags flags,
        CancellationToken cancellationToken)
    {
        if (outcome == PublishOutcome.Returned)
        {
            channel.RaiseReturned(exchange, routingKey, message);
        }

        return progress.Pending is not null ? new ValueTask<PublishResult>(WaitForQueuesAsync(progress, outcome, sequenceNumber, flags, cancellationToken))
            : progress.IsStored ? WaitForCommitAsync(progress, outcome, sequenceNumber, flags, cancellationToken)
            : new ValueTask<PublishResult>(Result(outcome, sequenceNumber));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<PublishResult> WaitForRoom_NeedsGate(
        string exchange, string routingKey, Message message, PublishFlags flags, CancellationToken cancellationToken)
    {
        if (_waitingForRoom.Count >= options.MaxOutstandingPublishes && !TryForgetCancelled_NeedsGate())
        {
            return new ValueTask<PublishResult>(new PublishResult(PublishOutcome.Rejected, 0, RejectReason.TooManyOutstanding));
        }

        WaitingPublish waiting = new(exchange, routingKey, message, flags, NoteCancelled, cancellationToken);
        _waitingForRoom.Enqueue(waiting);
        NoteBlocked_NeedsGate();
        return new ValueTask<PublishResult>(waiting.Completion);
    }

    private void NoteBlocked_NeedsGate()
    {
        if (BlockedReason is { } reason)
        {
            channel.NoteBlocked(reason);
        }
    }

    // A commit that is under way makes room in a moment, which is not worth telling. The texts of the first two are RabbitMQ's.
    private string? BlockedReason => virtualHost.Services.Memory.IsBlocked ? "low on memory" : virtualHost.Services.Store.Journal.State switch
    {
        JournalState.LowSpace => "low on disk",
        JournalState.Failed => "the disk failed",
        _ => virtualHost.Services.Store.Limit.IsExceeded ? "the journal is too long" : null,
    };

    // What is in memory only waits for memory; what is to be stored waits for the disk too.
    private bool MustWait(Message message)
        => virtualHost.Services.Memory.IsBlocked || (message.Properties.IsPersistent && virtualHost.Services.Store.MustWait);

    private ValueTask<PublishResult> WaitForCommitAsync(
        in PublishProgress progress, PublishOutcome outcome, ulong sequenceNumber, PublishFlags flags, CancellationToken cancellationToken)
    {
        if (outcome != PublishOutcome.Confirmed)
        {
            return new ValueTask<PublishResult>(Result(outcome, sequenceNumber));
        }

        ValueTask<PublishResult> confirm = virtualHost.Services.Store.ConfirmAsync(sequenceNumber, progress.StoredAt, flags);
        return confirm.IsCompleted || !cancellationToken.CanBeCanceled ? confirm : new ValueTask<PublishResult>(confirm.AsTask().WaitAsync(cancellationToken));
    }

    private async Task<PublishResult> WaitForQueuesAsync(
        PublishProgress progress, PublishOutcome outcome, ulong sequenceNumber, PublishFlags flags, CancellationToken cancellationToken)
    {
        PendingPublish pending = progress.Pending!;
        if (progress.IsStored)
        {
            pending.AddCommit();
            virtualHost.Services.Store.WhenCommitted(progress.StoredAt, flags, pending.Answer);
        }

        // The number is taken already and the message is in its queue's line: beyond the bound it is withdrawn, as if it had been cancelled.
        bool isTooMany = Interlocked.Increment(ref _outstandingCount) > options.MaxOutstandingPublishes;
        _pending.TryAdd(pending, Interlocked.Increment(ref _pendingOrder));
        try
        {
            pending.Answer(outcome == PublishOutcome.Rejected ? RejectReason.QueueFull : RejectReason.None);
            if (isTooMany || !channel.IsOpen)
            {
                pending.Withdraw(CancellationToken.None);
            }

            CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
                static (state, token) => ((PendingPublish)state!).Withdraw(token), pending);
            await using (registration.ConfigureAwait(false))
            {
                RejectReason reason = await pending.Completion.ConfigureAwait(false);
                return reason == RejectReason.None
                    ? Result(outcome, sequenceNumber)
                    : new PublishResult(PublishOutcome.Rejected, sequenceNumber, reason);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            channel.ThrowIfClosed();
            return new PublishResult(PublishOutcome.Rejected, sequenceNumber, RejectReason.TooManyOutstanding);
        }
        finally
        {
            _pending.TryRemove(pending, out _);
            Interlocked.Decrement(ref _outstandingCount);
        }
    }

    private static PublishResult Result(PublishOutcome outcome, ulong sequenceNumber)
        => new(outcome, sequenceNumber, outcome == PublishOutcome.Rejected ? RejectReason.QueueFull : RejectReason.None);

    private void NoteCancelled() => Interlocked.Increment(ref _cancelledCount);

    // The count only tells whether looking is worth while: it also has those that were passed over in their turn.
    private bool TryForgetCancelled_NeedsGate()
    {
        if (Interlocked.Exchange(ref _cancelledCount, 0) == 0)
        {
            return false;
        }

        WaitingPublish[] waiting = [.. _waitingForRoom.Where(static publish => !publish.IsDone)];
        _waitingForRoom.Clear();
        foreach (WaitingPublish publish in waiting)
        {
            _waitingForRoom.Enqueue(publish);
        }

        return waiting.Length < options.MaxOutstandingPublishes;
    }

    private void CheckTransactional_NeedsGate()
    {
        if (Mode != ChannelMode.Transactional)
        {
            throw MqErrors.NotTransactional();
        }
    }

    // Routed now, not at the commit: an unknown exchange is told at once, and the commit cannot fail for one that has gone since.
    private void Hold_NeedsGate(string exchange, string routingKey, Message message, PublishFlags flags)
    {
        (string[] queueNames, DelayedExchange[] delayed) = virtualHost.RouteForCommit(_router, exchange, routingKey, message);
        ChannelTransaction.HeldMessage held = new(new RoutedPublish(exchange, routingKey, message, queueNames, delayed), (flags & PublishFlags.Mandatory) != 0);
        _transaction.Publishes.Add(held);
        virtualHost.Services.Memory.Add(held.MemoryBytes);
    }

    // What waits for memory was published before the transaction ends and is part of it. It need not wait for the end of what it is part of.
    private void TakeWaitingAlong_NeedsGate(List<WaitingPublish> taken)
    {
        taken.AddRange(_waitingForRoom.Where(static publish => !publish.IsDone));
        _waitingForRoom.Clear();
    }

    private static void Answer(List<WaitingPublish> takenAlong)
    {
        foreach (WaitingPublish publish in takenAlong)
        {
            publish.Complete(Result(PublishOutcome.Confirmed, 0));
        }
    }

    // Until its queues have them nobody finds the messages who stores again what the disk has taken: it waits for this, or the acknowledgements of the
    // same record would be told again and the messages would not.
    private bool StoreAndPublishHeld_NeedsGate(
        List<PendingPublish> pendings, List<ChannelTransaction.HeldMessage> returned, out bool isStored, out ulong endedAt)
    {
        NamedPlaces named = virtualHost.Services.Store.Named;
        int phase = named.Enter();
        try
        {
            CommittedPublish[] publishes = [.. _transaction.Publishes.Select(held => virtualHost.FindQueues(held.Publish))];
            ulong[] storedAt = StoreHeld_NeedsGate(publishes, out isStored, out endedAt);
            return PublishHeld_NeedsGate(publishes, storedAt, pendings, returned);
        }
        finally
        {
            named.Leave(phase);
        }
    }

    // All that is published and acknowledged is one entry of the journal: after a crash it has happened whole or not at all.
    private ulong[] StoreHeld_NeedsGate(CommittedPublish[] publishes, out bool isStored, out ulong endedAt) => virtualHost.StoreTransaction(
        publishes,
        [.. _transaction.Settlements.Where(static held => held.Settlement == Settlement.Acknowledge).SelectMany(static held => held.Deliveries).Select(static delivery => delivery.Entry)],
        out isStored,
        out endedAt);

    /// <summary>Publishes what the transaction holds.</summary>
    /// <param name="publishes">Its messages, and the queues that take them.</param>
    /// <param name="storedAt">The messages' ids in the journal, 0 for those that are not stored.</param>
    /// <param name="pendings">Takes the publishes that queues keep waiting.</param>
    /// <param name="returned">Takes the messages that no queue took.</param>
    /// <returns>Whether a queue refused any of it.</returns>
    private bool PublishHeld_NeedsGate(
        CommittedPublish[] publishes, ulong[] storedAt, List<PendingPublish> pendings, List<ChannelTransaction.HeldMessage> returned)
    {
        bool rejected = false;
        for (int i = 0; i < _transaction.Publishes.Count; i++)
        {
            ChannelTransaction.HeldMessage held = _transaction.Publishes[i];
            PendingPublish? pending = null;
            PublishOutcome outcome = virtualHost.Deliver(publishes[i], storedAt[i], held.IsMandatory, ref pending);
            virtualHost.Services.Memory.Release(held.MemoryBytes);
            rejected |= outcome == PublishOutcome.Rejected;
            if (outcome == PublishOutcome.Returned)
            {
                returned.Add(held);
            }

            if (pending is not null)
            {
                pendings.Add(pending);
            }
        }

        return rejected;
    }

    private IReadOnlyList<Unsettled> ForgetTransaction_NeedsGate()
    {
        ChannelTransaction transaction = _transaction.TakeAll();
        foreach (ChannelTransaction.HeldMessage held in transaction.Publishes)
        {
            virtualHost.Services.Memory.Release(held.MemoryBytes);
        }

        return [.. transaction.Settlements.SelectMany(static held => held.Deliveries)];
    }
}
