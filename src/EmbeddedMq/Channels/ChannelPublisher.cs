using System.Collections.Concurrent;
using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Queues;
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
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<PendingPublish, long> _pending = new(ReferenceEqualityComparer.Instance as IEqualityComparer<PendingPublish>); // with its order
    private long _pendingOrder;
    private int _outstandingCount;
    private int _cancelledCount; // of those that wait for memory; counted when they are cancelled, and not less as they are passed over

    // Guarded by _gate.
    private readonly Router _router = new(virtualHost, virtualHost.Services.Names.NextSeed());
    private readonly Queue<WaitingPublish> _waitingForMemory = new();
    private ulong _lastSequenceNumber;
    private bool _isClosed;

    /// <summary>Whether publishes are confirmed, held for a transaction, or neither. Written under the gate.</summary>
    internal ChannelMode Mode { get; private set; } = options.Mode;

    /// <summary>What a transactional channel holds; guarded by <see cref="Gate"/>.</summary>
    internal ChannelTransaction Transaction { get; } = new();

    /// <summary>The publish gate.</summary>
    internal Lock Gate => _gate;

    /// <summary>Publishes a valid message.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="flags">Whether it comes back when no queue takes it.</param>
    /// <param name="cancellationToken">Stops the waiting for memory or for queues.</param>
    /// <exception cref="ChannelException">What closes the channel; it is thrown, not put into the task.</exception>
    internal ValueTask<PublishResult> PublishAsync(string exchange, string routingKey, Message message, PublishFlags flags, CancellationToken cancellationToken)
    {
        bool isMandatory = (flags & PublishFlags.Mandatory) != 0;
        PublishOutcome outcome;
        PendingPublish? pending = null;
        ulong sequenceNumber;
        lock (_gate)
        {
            channel.ThrowIfClosed();
            if ((virtualHost.Services.Memory.IsBlocked && (flags & PublishFlags.InPlaceOfDelivery) == 0) || _waitingForMemory.Count > 0)
            {
                return WaitForMemory_NeedsGate(exchange, routingKey, message, isMandatory, cancellationToken);
            }

            (outcome, sequenceNumber) = Publish_NeedsGate(exchange, routingKey, message, isMandatory, ref pending);
        }

        if (outcome == PublishOutcome.Returned)
        {
            channel.RaiseReturned(exchange, routingKey, message);
        }

        return pending is null
            ? new ValueTask<PublishResult>(Result(outcome, sequenceNumber))
            : new ValueTask<PublishResult>(WaitForQueuesAsync(pending, outcome, sequenceNumber, cancellationToken));
    }

    /// <summary>Publishes what has waited for memory, in order, as far as there is memory.</summary>
    internal void ReleaseWaiting()
    {
        while (true)
        {
            WaitingPublish waiting;
            PublishOutcome outcome = default;
            PendingPublish? pending = null;
            ulong sequenceNumber = 0;
            EmbeddedMqException? error = null;
            lock (_gate)
            {
                if (_isClosed || _waitingForMemory.Count == 0 || virtualHost.Services.Memory.IsBlocked)
                {
                    return; // where memory has run out again, its next release comes back here
                }

                waiting = _waitingForMemory.Dequeue();
                if (waiting.IsDone)
                {
                    continue;
                }

                try
                {
                    (outcome, sequenceNumber) = Publish_NeedsGate(waiting.Exchange, waiting.RoutingKey, waiting.Message, waiting.IsMandatory, ref pending);
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
                channel.RaiseReturned(waiting.Exchange, waiting.RoutingKey, waiting.Message);
            }

            if (pending is null)
            {
                waiting.Complete(Result(outcome, sequenceNumber));
            }
            else
            {
                waiting.CompleteWith(WaitForQueuesAsync(pending, outcome, sequenceNumber, waiting.CancellationToken));
            }
        }
    }

    /// <summary>Turns on confirms.</summary>
    /// <exception cref="ChannelException">406: the channel is transactional.</exception>
    internal void SelectConfirm()
    {
        lock (_gate)
        {
            Mode = Mode == ChannelMode.Transactional ? throw MqErrors.CannotSwitchMode("tx", "confirm") : ChannelMode.Confirm;
        }
    }

    /// <summary>Makes the channel transactional.</summary>
    /// <exception cref="ChannelException">406: the channel confirms its publishes.</exception>
    internal void SelectTransaction()
    {
        lock (_gate)
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
        try
        {
            lock (_gate)
            {
                channel.ThrowIfClosed(); // a close beside this forgets the transaction: there would be nothing to say yes to
                CheckTransactional_NeedsGate();
                TakeWaitingAlong_NeedsGate(takenAlong);
                foreach (WaitingPublish publish in takenAlong)
                {
                    Hold_NeedsGate(publish.Exchange, publish.RoutingKey, publish.Message, publish.IsMandatory);
                }

                rejected = PublishHeld_NeedsGate(pendings, returned);
                transaction = Transaction.TakeAll();
            }
        }
        finally
        {
            Answer(takenAlong);
        }

        foreach ((Settlement settlement, List<Unsettled> deliveries) in transaction.Settlements)
        {
            channel.SettleHeld(deliveries, settlement);
        }

        foreach (ChannelTransaction.HeldMessage held in returned)
        {
            channel.RaiseReturned(held.Exchange, held.RoutingKey, held.Message);
        }

        // The token stops the waiting for them, not them.
        Task<PublishResult>[] waits =
            [.. pendings.Select(pending => WaitForQueuesAsync(pending, PublishOutcome.Confirmed, 0, CancellationToken.None))];
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
        lock (_gate)
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
        lock (_gate)
        {
            _isClosed = true;
            waiting = [.. _waitingForMemory];
            _waitingForMemory.Clear();
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

    private (PublishOutcome Outcome, ulong SequenceNumber) Publish_NeedsGate(
        string exchange, string routingKey, Message message, bool isMandatory, ref PendingPublish? pending)
    {
        if (Mode == ChannelMode.Transactional)
        {
            Hold_NeedsGate(exchange, routingKey, message, isMandatory);
            return (PublishOutcome.Confirmed, 0);
        }

        ulong sequenceNumber = Mode == ChannelMode.Confirm ? ++_lastSequenceNumber : 0;
        PublishOutcome outcome = virtualHost.Publish(_router, exchange, routingKey, message, isMandatory, ref pending);

        // Without confirms there is nothing to say no with: the message has been handed over, and the queue counts its refusal.
        return (Mode == ChannelMode.Plain && outcome == PublishOutcome.Rejected ? PublishOutcome.Confirmed : outcome, sequenceNumber);
    }

    private ValueTask<PublishResult> WaitForMemory_NeedsGate(
        string exchange, string routingKey, Message message, bool isMandatory, CancellationToken cancellationToken)
    {
        if (_waitingForMemory.Count >= options.MaxOutstandingPublishes && !TryForgetCancelled_NeedsGate())
        {
            return new ValueTask<PublishResult>(new PublishResult(PublishOutcome.Rejected, 0, RejectReason.TooManyOutstanding));
        }

        WaitingPublish waiting = new(exchange, routingKey, message, isMandatory, NoteCancelled, cancellationToken);
        _waitingForMemory.Enqueue(waiting);
        channel.NoteBlocked();
        return new ValueTask<PublishResult>(waiting.Completion);
    }

    private async Task<PublishResult> WaitForQueuesAsync(PendingPublish pending, PublishOutcome outcome, ulong sequenceNumber, CancellationToken cancellationToken)
    {
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

        WaitingPublish[] waiting = [.. _waitingForMemory.Where(static publish => !publish.IsDone)];
        _waitingForMemory.Clear();
        foreach (WaitingPublish publish in waiting)
        {
            _waitingForMemory.Enqueue(publish);
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
    private void Hold_NeedsGate(string exchange, string routingKey, Message message, bool isMandatory)
    {
        (string[] queueNames, DelayedExchange[] delayed) = virtualHost.RouteForCommit(_router, exchange, routingKey, message);
        ChannelTransaction.HeldMessage held = new(exchange, routingKey, message, isMandatory, queueNames, delayed);
        Transaction.Publishes.Add(held);
        virtualHost.Services.Memory.Add(held.MemoryBytes);
    }

    // What waits for memory was published before the transaction ends and is part of it. It need not wait for the end of what it is part of.
    private void TakeWaitingAlong_NeedsGate(List<WaitingPublish> taken)
    {
        taken.AddRange(_waitingForMemory.Where(static publish => !publish.IsDone));
        _waitingForMemory.Clear();
    }

    private static void Answer(List<WaitingPublish> takenAlong)
    {
        foreach (WaitingPublish publish in takenAlong)
        {
            publish.Complete(Result(PublishOutcome.Confirmed, 0));
        }
    }

    /// <summary>Publishes what the transaction holds.</summary>
    /// <returns>Whether a queue refused any of it.</returns>
    private bool PublishHeld_NeedsGate(List<PendingPublish> pendings, List<ChannelTransaction.HeldMessage> returned)
    {
        bool rejected = false;
        foreach (ChannelTransaction.HeldMessage held in Transaction.Publishes)
        {
            PendingPublish? pending = null;
            PublishOutcome outcome = virtualHost.Deliver(
                held.QueueNames, held.Delayed, held.Exchange, held.RoutingKey, held.Message, held.IsMandatory, ref pending);
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
        ChannelTransaction transaction = Transaction.TakeAll();
        foreach (ChannelTransaction.HeldMessage held in transaction.Publishes)
        {
            virtualHost.Services.Memory.Release(held.MemoryBytes);
        }

        return [.. transaction.Settlements.SelectMany(static held => held.Deliveries)];
    }
}
