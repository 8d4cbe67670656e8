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
    /// <returns>Whether nothing waits any more.</returns>
    internal bool ReleaseWaiting()
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
                if (_isClosed || _waitingForMemory.Count == 0)
                {
                    return true;
                }

                if (virtualHost.Services.Memory.IsBlocked)
                {
                    return false;
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
                return true;
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
        ChannelTransaction transaction;
        List<PendingPublish> pendings = [];
        List<ChannelTransaction.HeldMessage> returned = [];
        bool rejected = false;
        lock (_gate)
        {
            transaction = TakeTransaction_NeedsGate();
            foreach (ChannelTransaction.HeldMessage held in transaction.Publishes)
            {
                PendingPublish? pending = null;
                PublishOutcome outcome = virtualHost.Publish(_router, held.Exchange, held.RoutingKey, held.Message, held.IsMandatory, ref pending);
                rejected |= outcome == PublishOutcome.Rejected;
                if (outcome == PublishOutcome.Returned)
                {
                    returned.Add(held);
                }

                if (pending is not null)
                {
                    pendings.Add(pending);
                }

                virtualHost.Services.Memory.Release(held.MemoryBytes);
            }
        }

        foreach ((Settlement settlement, List<Unsettled> deliveries) in transaction.Settlements)
        {
            channel.Settle(deliveries, settlement);
        }

        foreach (ChannelTransaction.HeldMessage held in returned)
        {
            channel.RaiseReturned(held.Exchange, held.RoutingKey, held.Message);
        }

        foreach (PendingPublish pending in pendings)
        {
            rejected |= !(await WaitForQueuesAsync(pending, PublishOutcome.Confirmed, 0, cancellationToken).ConfigureAwait(false)).IsConfirmed;
        }

        if (rejected)
        {
            throw MqErrors.PartialTransaction();
        }
    }

    /// <summary>Forgets a transaction; its deliveries are unsettled again.</summary>
    /// <returns>The deliveries, to be put back into the book.</returns>
    /// <exception cref="ChannelException">406: not transactional.</exception>
    internal IReadOnlyList<Unsettled> Rollback()
    {
        lock (_gate)
        {
            ChannelTransaction transaction = TakeTransaction_NeedsGate();
            foreach (ChannelTransaction.HeldMessage held in transaction.Publishes)
            {
                virtualHost.Services.Memory.Release(held.MemoryBytes);
            }

            return [.. transaction.Settlements.SelectMany(static held => held.Deliveries)];
        }
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
            held = Mode == ChannelMode.Transactional ? Rollback() : [];
        }

        foreach (WaitingPublish publish in waiting)
        {
            publish.Fail(error());
        }

        // The newest first: the room that one leaves must not let in another of this channel.
        foreach (KeyValuePair<PendingPublish, long> pending in _pending.OrderByDescending(static pending => pending.Value))
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
            virtualHost.CheckPublish(exchange);
            ChannelTransaction.HeldMessage held = new(exchange, routingKey, message, isMandatory);
            Transaction.Publishes.Add(held);
            virtualHost.Services.Memory.Add(held.MemoryBytes);
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
        if (_waitingForMemory.Count >= options.MaxOutstandingPublishes)
        {
            return new ValueTask<PublishResult>(new PublishResult(PublishOutcome.Rejected, 0, RejectReason.TooManyOutstanding));
        }

        WaitingPublish waiting = new(exchange, routingKey, message, isMandatory, cancellationToken);
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

    private ChannelTransaction TakeTransaction_NeedsGate()
        => Mode == ChannelMode.Transactional ? Transaction.TakeAll() : throw MqErrors.NotTransactional();
}
