using EmbeddedMq.Consumers;
using EmbeddedMq.Errors;
using EmbeddedMq.Messages;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;

namespace EmbeddedMq.Channels;

/// <content>Consuming, getting and settling.</content>
internal sealed partial class Channel
{
    private const string PriorityArgument = "x-priority";

    /// <inheritdoc/>
    public ValueTask SetPrefetchAsync(int prefetchCount, bool perChannel = false, CancellationToken cancellationToken = default)
    {
        CheckPrefetch(prefetchCount);
        return Run(
            () =>
            {
                // As in RabbitMQ, each way of limiting overrides the other: a prefetch per consumer ends the window that they shared.
                _defaultPrefetch = perChannel ? _defaultPrefetch : prefetchCount;
                _unacked.SetWindow(perChannel ? prefetchCount : 0);
                ResumeStarved();
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<IConsumer> StartConsumerAsync(string queue, ConsumerOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ConsumerOptions();
        CheckPrefetch(options.PrefetchCount ?? 0);
        return IsTouched(queue) ? Start() : WhenTouchedAsync(queue, Start, cancellationToken);

        ValueTask<IConsumer> Start() => Run<IConsumer>(
            () =>
            {
                // RabbitMQ's order: the tag before the queue and all else.
                MessageCheck.CheckName("consumer tag", options.ConsumerTag, Limits);
                if (_consumers.ContainsKey(options.ConsumerTag))
                {
                    throw MqErrors.ConsumerTagInUse(options.ConsumerTag);
                }

                string name = QueueOrLast(queue);
                return name == ReplyQueue.PseudoName ? StartReplyConsumer(options) : StartConsumer(name, options);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<GetResult?> GetAsync(string queue, bool autoAck = false, CancellationToken cancellationToken = default)
        => IsTouched(queue) ? GetNowOrOnArrivalAsync(queue, autoAck, cancellationToken)
            : WhenTouchedAsync(queue, () => GetNowOrOnArrivalAsync(queue, autoAck, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask AckAsync(ulong deliveryTag, bool multiple = false, CancellationToken cancellationToken = default)
    {
        // The common case by itself: one delivery, no transaction, nothing to allocate.
        if (multiple || _publisher.Mode == ChannelMode.Transactional || !_unacked.TryTakeAcknowledged(deliveryTag, out Unsettled delivery, out bool isCounted))
        {
            return SettleAsync(deliveryTag, multiple, Settlement.Acknowledge, cancellationToken);
        }

        delivery.Entry.Owner.Acknowledge(delivery.Entry, isCounted);
        if (delivery.Consumer is { } consumer)
        {
            consumer.ReturnCredit(1);
            ResumeStarvedByWindow();
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask NackAsync(ulong deliveryTag, bool multiple = false, bool requeue = true, CancellationToken cancellationToken = default)
        => SettleAsync(deliveryTag, multiple, requeue ? Settlement.Requeue : Settlement.Reject, cancellationToken);

    /// <inheritdoc/>
    public ValueTask RejectAsync(ulong deliveryTag, bool requeue = false, CancellationToken cancellationToken = default)
        => SettleAsync(deliveryTag, multiple: false, requeue ? Settlement.Requeue : Settlement.Reject, cancellationToken);

    /// <inheritdoc/>
    public ValueTask RecoverAsync(CancellationToken cancellationToken = default)
        => Run(
            () =>
            {
                List<Unsettled> deliveries = [];
                _unacked.TryTakeUpTo(0, deliveries, keepsPlaces: true);
                Settle(deliveries, Settlement.Requeue);
            },
            cancellationToken);

    /// <summary>Settles deliveries that have been taken from the book and kept their places in the channel's window, and lets those on who waited for that.</summary>
    /// <param name="deliveries">The deliveries.</param>
    /// <param name="settlement">How.</param>
    internal void Settle(List<Unsettled> deliveries, Settlement settlement)
    {
        Settler.Settle(deliveries, settlement);
        _unacked.ReleasePlaces(deliveries); // not sooner: a message that is published beside this would take the place and overtake what is put back
        ResumeStarvedByWindow();
    }

    /// <inheritdoc/>
    bool IDeliveryLedger.HasWindowPlace => _unacked.HasWindowPlace;

    /// <inheritdoc/>
    bool IDeliveryLedger.TryTakeWindow() => _unacked.TryTakeWindow();

    /// <inheritdoc/>
    ulong IDeliveryLedger.Register(QueueEntry entry, Consumer? consumer) => _unacked.Register(entry, consumer);

    /// <inheritdoc/>
    ulong IDeliveryLedger.NextDeliveryTag() => _unacked.NextTag();

    /// <inheritdoc/>
    bool IDeliveryLedger.TryTakeBack(ulong deliveryTag) => _unacked.TryTake(deliveryTag, out _);

    /// <inheritdoc/>
    long IDeliveryLedger.EndTally(Consumer consumer) => _unacked.EndTally(consumer);

    /// <inheritdoc/>
    void IDeliveryLedger.Cancel(Consumer consumer) => Retire(consumer);

    /// <inheritdoc/>
    void IDeliveryLedger.ReturnUnread(Consumer consumer)
    {
        if (consumer.Host.IsAbandoned)
        {
            Detach(consumer); // as when a channel closes: what the queue held ends with it, and does not die in it
        }

        List<Unsettled> unread = [];
        TakeUnread(consumer, unread);
        _retired.TryRemove(consumer, out _);
        Settle(unread, Settlement.Requeue);
    }

    /// <inheritdoc/>
    void IDeliveryLedger.QueueGone(Consumer consumer) => Retire(consumer);

    private ValueTask<GetResult?> GetNowOrOnArrivalAsync(string queue, bool autoAck, CancellationToken cancellationToken)
    {
        string name = queue;
        Task? arrival = null;
        ValueTask<GetResult?> got = Run(() => Get(name = QueueOrLast(queue), autoAck, out arrival), cancellationToken);
        return arrival is null ? got : GetOnArrivalAsync(name, autoAck, arrival, cancellationToken);
    }

    private StoredQueue? StoredOf(string queue) => (_virtualHost.FindQueue(string.IsNullOrEmpty(queue) ? _lastDeclaredQueue ?? "" : queue) as Queue)?.Stored;

    private bool IsTouched(string queue) => StoredOf(queue)?.IsTouched ?? true;

    // Before the first delivery from a stored queue, the disk knows that there may have been one: after a crash its messages come back as redelivered.
    private async ValueTask<T> WhenTouchedAsync<T>(string queue, Func<ValueTask<T>> method, CancellationToken cancellationToken)
    {
        StoredOf(queue)?.Touch();
        try
        {
            await _virtualHost.Services.Store.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (JournalException)
        {
            // Consumers go on while the disk is full or fails; the checkpoint that ends the failure says it once more.
        }

        return await method().ConfigureAwait(false);
    }

    private Consumer StartConsumer(string name, ConsumerOptions options)
    {
        Queue queue = _virtualHost.GetQueue(name, _connection);
        options = WithPriorityOfArguments(name, options);
        Consumer consumer = new(TagFor(options), options, options.PrefetchCount ?? _defaultPrefetch, this, queue);
        Register(consumer);
        try
        {
            queue.AddConsumer(consumer, _virtualHost.Name);
        }
        catch
        {
            _consumers.TryRemove(consumer.ConsumerTag, out _);
            throw;
        }

        RefuseIfClosedMeanwhile(consumer);
        return consumer;
    }

    private Consumer StartReplyConsumer(ConsumerOptions options)
    {
        if (!options.AutoAck)
        {
            throw MqErrors.ReplyConsumerCannotAcknowledge();
        }

        ReplyQueue replyQueue = new(_virtualHost.Services.Names.Next(ReplyQueue.Prefix), _virtualHost.Services.Memory);
        if (Interlocked.CompareExchange(ref _replyQueue, replyQueue, null) is not null)
        {
            throw MqErrors.ReplyConsumerAlreadySet();
        }

        Consumer consumer = new(TagFor(options), options, 0, this, replyQueue);
        replyQueue.Attach(consumer);
        try
        {
            Register(consumer);
        }
        catch
        {
            _replyQueue = null;
            throw;
        }

        _virtualHost.AddReplyQueue(replyQueue);
        RefuseIfClosedMeanwhile(consumer);
        return consumer;
    }

    private void Register(Consumer consumer)
    {
        if (_consumers.Count >= Limits.MaxConsumersPerChannel)
        {
            throw MqErrors.TooManyConsumers(Limits.MaxConsumersPerChannel.Value);
        }

        if (!_consumers.TryAdd(consumer.ConsumerTag, consumer))
        {
            throw MqErrors.ConsumerTagInUse(consumer.ConsumerTag);
        }
    }

    // A close that ran beside the start may have missed the consumer, or found it before its queue knew it.
    private void RefuseIfClosedMeanwhile(Consumer consumer)
    {
        if (IsOpen)
        {
            return;
        }

        consumer.Host.Suspend(consumer);
        consumer.End(ConsumerEnd.ChannelClosed, null);
        ((IDeliveryLedger)this).ReturnUnread(consumer);
        Detach(consumer);
        ThrowIfClosed();
    }

    /// <summary>Takes a consumer out of the running ones. It is kept while it holds something unread, so that closing the channel puts that back.</summary>
    private void Retire(Consumer consumer)
    {
        // One that has not ended may be handed something yet: its queue is about to let go of it.
        foreach (Consumer retired in _retired.Keys.Where(static retired => retired.Ended.IsCompleted && !retired.HasUnread))
        {
            _retired.TryRemove(retired, out _);
        }

        _retired.TryAdd(consumer, 0); // before it leaves the other table: a close beside this finds it in one of them
        if (_consumers.TryRemove(KeyValuePair.Create(consumer.ConsumerTag, consumer)))
        {
            Detach(consumer);

            // A delivery that it refused because it had ended may have had a place in the window for a moment, just when another wanted one.
            ResumeStarvedByWindow();
        }

        if (!IsOpen)
        {
            ((IDeliveryLedger)this).ReturnUnread(consumer);
        }
    }

    private void TakeUnread(Consumer consumer, List<Unsettled> unread)
    {
        foreach ((QueueEntry entry, ulong tag) in consumer.TakeUnread())
        {
            if (consumer.Options.AutoAck)
            {
                unread.Add(new Unsettled(tag, entry, null, IsUnseen: true));
            }
            else if (_unacked.TryTake(tag, out Unsettled delivery, keepsPlace: true))
            {
                unread.Add(delivery with { IsUnseen = true });
            }
        }
    }

    private void Detach(Consumer consumer)
    {
        switch (consumer.Host)
        {
            case Queue queue:
                queue.RemoveConsumer(consumer);
                break;
            case ReplyQueue replyQueue:
                replyQueue.Suspend(consumer);
                _virtualHost.RemoveReplyQueue(replyQueue);
                _replyQueue = null;
                break;
        }
    }

    // The head is on disk. It may be gone when it comes, or the queue: then everything is asked anew.
    private async ValueTask<GetResult?> GetOnArrivalAsync(string name, bool autoAck, Task? arrival, CancellationToken cancellationToken)
    {
        GetResult? got = null;
        while (arrival is not null)
        {
            await Task.WhenAny(arrival, _closed.Task).WaitAsync(cancellationToken).ConfigureAwait(false);
            arrival = null;
            got = await Run(() => Get(name, autoAck, out arrival), cancellationToken).ConfigureAwait(false);
        }

        return got;
    }

    /// <returns>The message; <see langword="null"/> when there is none, or when <paramref name="arrival"/> is to be waited for.</returns>
    private GetResult? Get(string name, bool autoAck, out Task? arrival)
    {
        arrival = null;
        Queue queue = _virtualHost.GetQueue(name, _connection);
        if (queue.ArgumentSettings is { Kind: QueueKind.Quorum, SingleActiveConsumer: true })
        {
            throw MqErrors.GetFromSingleActiveQuorumQueue(_virtualHost.Name, name);
        }

        QueueEntry? entry;
        uint remainingCount;
        while (!queue.TryAcquire(out entry, out remainingCount, out arrival))
        {
            if (arrival is not { IsCompleted: true })
            {
                return null;
            }
        }

        // Read before anybody else can know the delivery: a close beside this puts it back, and changes both.
        int failedDeliveries = entry.FailedDeliveries;
        bool redelivered = entry.Redelivered;
        ulong tag = autoAck ? _unacked.NextTag() : _unacked.Register(entry, null);
        if (tag == 0)
        {
            queue.Requeue([], [entry]);
            throw ClosedError();
        }

        Delivery delivery = DeliveryFactory.Create(entry, tag, null, failedDeliveries, redelivered);
        if (autoAck)
        {
            queue.Acknowledge(entry);
        }

        return new GetResult(delivery, remainingCount);
    }

    private ValueTask SettleAsync(ulong deliveryTag, bool multiple, Settlement settlement, CancellationToken cancellationToken)
        => Run(
            () =>
            {
                // A channel that is transactional stays so. An acknowledgement beside the select may count as made before it.
                bool isHeld = _publisher.Mode == ChannelMode.Transactional;
                List<Unsettled> deliveries = [];
                if (!TryTake(deliveryTag, multiple, deliveries))
                {
                    ThrowIfClosed(); // a close beside this has taken all that was in the book
                    throw MqErrors.UnknownDeliveryTag(deliveryTag);
                }

                if (!isHeld)
                {
                    Settle(deliveries, settlement);
                }
                else if (!_publisher.TryHold(settlement, deliveries))
                {
                    Settle(deliveries, Settlement.Requeue);
                }
            },
            cancellationToken);

    private bool TryTake(ulong deliveryTag, bool multiple, List<Unsettled> deliveries)
    {
        if (multiple)
        {
            return _unacked.TryTakeUpTo(deliveryTag, deliveries, keepsPlaces: true);
        }

        if (!_unacked.TryTake(deliveryTag, out Unsettled delivery, keepsPlace: true))
        {
            return false;
        }

        deliveries.Add(delivery);
        return true;
    }

    private void ResumeStarvedByWindow()
    {
        if (_unacked.HasWindow)
        {
            Interlocked.MemoryBarrier(); // the places that were freed before the look at who is starved
            ResumeStarved();
        }
    }

    private void ResumeStarved()
    {
        foreach (Consumer consumer in _consumers.Values)
        {
            if (consumer.IsStarved)
            {
                consumer.Host.Resume(consumer);
            }
        }
    }

    private string TagFor(ConsumerOptions options)
        => options.ConsumerTag.Length > 0 ? options.ConsumerTag : _virtualHost.Services.Names.Next("amq.ctag-");

    // The argument of the wire protocol counts as well as the option; the option wins where both are given.
    private ConsumerOptions WithPriorityOfArguments(string queue, ConsumerOptions options)
    {
        if (!options.Arguments.TryGetValue(PriorityArgument, out object? value))
        {
            return options;
        }

        return HeaderTable.TryGetInteger(value, out long priority)
            ? options with { Priority = options.Priority != 0 ? options.Priority : (int)Math.Clamp(priority, int.MinValue, int.MaxValue) }
            : throw MqErrors.InvalidQueueArgument(
                _virtualHost.Name, queue, PriorityArgument, $"\"expected integer, got {ErlangTerm.TypeOf(value)}\"", "Give the priority as an integer.");
    }

    private static void CheckPrefetch(int prefetchCount)
    {
        if (prefetchCount is < 0 or > MaxPrefetch)
        {
            throw MqErrors.OptionOutOfRange(nameof(ConsumerOptions.PrefetchCount), prefetchCount, $"0 (no limit) to {MaxPrefetch}");
        }
    }
}
