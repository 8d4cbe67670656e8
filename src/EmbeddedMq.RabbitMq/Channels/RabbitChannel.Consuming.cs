using EmbeddedMq.RabbitMq.Consumers;
using EmbeddedMq.RabbitMq.Errors;
using EmbeddedMq.RabbitMq.Wire;
using RabbitMQ.Client.Exceptions;
using Client = RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Channels;

/// <content>Consuming, getting and settling.</content>
internal sealed partial class RabbitChannel
{
    /// <summary>The pseudo-queue of direct reply-to.</summary>
    internal const string ReplyQueue = "amq.rabbitmq.reply-to";

    private volatile int _defaultPrefetch;
    private volatile int _channelPrefetch;

    /// <inheritdoc/>
    public async ValueTask SetPrefetchAsync(int prefetchCount, bool perChannel = false, CancellationToken cancellationToken = default)
    {
        CheckPrefetch(prefetchCount, nameof(prefetchCount));
        await CallAsync(
            async link =>
            {
                await link.Wire.BasicQosAsync(0, (ushort)prefetchCount, global: perChannel).ConfigureAwait(false);
                if (perChannel)
                {
                    _channelPrefetch = prefetchCount;
                    return;
                }

                link.WirePrefetch = prefetchCount;
                _defaultPrefetch = prefetchCount;
                _channelPrefetch = 0; // the server ends the shared window with it
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IConsumer> StartConsumerAsync(string queue, ConsumerOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ConsumerOptions();
        CheckPrefetch(options.PrefetchCount ?? 0, nameof(options));
        if (options.AutoAck && _mode == ChannelMode.Transactional && queue != ReplyQueue)
        {
            throw RabbitMqErrors.NotSupported(
                "A consumer that acknowledges by reading on a transactional channel",
                "Its acknowledgements would wait for the commit. Consume on another channel, or acknowledge and commit.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        Task<RabbitConsumer> starting = CallInTurnAsync(
            async link =>
            {
                RabbitConsumer consumer = new(this, queue.Length > 0 ? queue : NameOf(queue), options, options.PrefetchCount ?? _defaultPrefetch);
                await ConsumeOnAsync(consumer, WireName(link, queue), link).ConfigureAwait(false);
                return consumer;
            },
            CancellationToken.None);
        try
        {
            return await starting.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = EndUnwantedAsync(starting); // nobody else could: it would receive messages for as long as the channel is open
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<GetResult?> GetAsync(string queue, bool autoAck = false, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // The call itself is not cancelled: the server may have handed the message over already.
        return await CallInTurnAsync(
            async link => await link.Wire.BasicGetAsync(WireName(link, queue), autoAck).ConfigureAwait(false) is { } got ? Got(link, got, autoAck) : null,
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask AckAsync(ulong deliveryTag, bool multiple = false, CancellationToken cancellationToken = default)
        => SettleAsync(deliveryTag, multiple, static (wire, tag, many) => wire.BasicAckAsync(tag, many), cancellationToken);

    /// <inheritdoc/>
    public ValueTask NackAsync(ulong deliveryTag, bool multiple = false, bool requeue = true, CancellationToken cancellationToken = default)
        => SettleAsync(
            deliveryTag,
            multiple,
            requeue ? static (wire, tag, many) => wire.BasicNackAsync(tag, many, requeue: true) : static (wire, tag, many) => wire.BasicNackAsync(tag, many, requeue: false),
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask RejectAsync(ulong deliveryTag, bool requeue = false, CancellationToken cancellationToken = default)
        => SettleAsync(
            deliveryTag,
            multiple: false,
            requeue ? static (wire, tag, _) => wire.BasicRejectAsync(tag, requeue: true) : static (wire, tag, _) => wire.BasicRejectAsync(tag, requeue: false),
            cancellationToken);

    /// <inheritdoc/>
    /// <remarks>RabbitMQ.Client has no basic.recover. A nack of all that the application holds is the same, but for a transaction, which would hold it.</remarks>
    public ValueTask RecoverAsync(CancellationToken cancellationToken = default)
        => _mode == ChannelMode.Transactional
            ? throw new NotSupportedException(
                "RabbitMQ.Client has no method to recover the deliveries of a transactional channel. Reject them with NackAsync and commit, or close the channel.")
            : NackAsync(0, multiple: true, requeue: true, cancellationToken);

    /// <summary>Notes a delivery that came in.</summary>
    /// <param name="link">The wire that it came on.</param>
    /// <param name="wireTag">Its tag there.</param>
    /// <param name="consumer">Its consumer.</param>
    internal static void Register(ChannelLink link, ulong wireTag, RabbitConsumer consumer)
    {
        if (consumer.IsUnacknowledgedOnWire)
        {
            link.Book.AddSettled(wireTag);
        }
        else
        {
            link.Book.Add(wireTag, settledByReading: consumer.SettlesByReading);
        }
    }

    /// <summary>Acknowledges a delivery that was just read.</summary>
    /// <param name="link">The wire that it came on.</param>
    /// <param name="wireTag">Its tag there.</param>
    /// <returns>Whether the acknowledgement was written; otherwise the message goes back to its queue and will come again.</returns>
    internal static async ValueTask<bool> TryAcknowledgeReadAsync(ChannelLink link, ulong wireTag)
    {
        if (link.IsDead || !link.Book.TryTake(wireTag))
        {
            return false;
        }

        try
        {
            await link.Wire.BasicAckAsync(wireTag, multiple: false).ConfigureAwait(false);
            return true;
        }
        catch (Exception error) when (WireFailure.Is(error))
        {
            return false;
        }
    }

    /// <summary>Puts back deliveries that nobody read.</summary>
    /// <param name="link">The wire that they came on.</param>
    /// <param name="wireTags">Their tags there.</param>
    internal static async ValueTask ReturnUnreadAsync(ChannelLink link, IReadOnlyList<ulong> wireTags)
    {
        try
        {
            foreach (ulong tag in wireTags)
            {
                if (!link.IsDead && link.Book.TryTake(tag))
                {
                    await link.Wire.BasicNackAsync(tag, multiple: false, requeue: true).ConfigureAwait(false);
                }
            }
        }
        catch (Exception error) when (WireFailure.Is(error))
        {
            // The wire is gone, and with it every delivery went back.
        }
    }

    /// <summary>Ends a consumer on the server. Returns when nothing more can come.</summary>
    /// <param name="consumer">The consumer.</param>
    internal async ValueTask CancelOnServerAsync(RabbitConsumer consumer)
    {
        await _resumeLock.WaitAsync().ConfigureAwait(false); // not while a new wire is given the consumers: it would run on there, unread
        try
        {
            _consumers.TryRemove(KeyValuePair.Create(consumer.ConsumerTag, consumer));
        }
        finally
        {
            _resumeLock.Release();
        }

        _connection.ForgetAutoDeleteQueue(consumer.Queue);
        if (consumer.Feed is not { } feed || feed.Link.IsDead)
        {
            return;
        }

        try
        {
            await feed.Link.Wire.BasicCancelAsync(consumer.ConsumerTag).ConfigureAwait(false);
            await feed.Ended.ConfigureAwait(false);
        }
        catch (Exception error) when (WireFailure.Is(error))
        {
            // The wire is gone, or will not answer: nothing that it brings counts any more.
        }
    }

    /// <summary>Forgets a consumer whose queue has gone.</summary>
    /// <param name="consumer">The consumer.</param>
    internal void Forget(RabbitConsumer consumer)
    {
        _consumers.TryRemove(KeyValuePair.Create(consumer.ConsumerTag, consumer));
        Topology.RemoveQueue(consumer.Queue);
    }

    /// <summary>Whether a queue is there.</summary>
    /// <param name="session">The wire connection. It is asked on a channel of its own, because a queue that does not exist closes the channel that asks.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    internal static async ValueTask<bool> QueueExistsAsync(Client.IConnection session, string queue, CancellationToken cancellationToken)
    {
        Client.IChannel probe = await session.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        try
        {
            await probe.QueueDeclarePassiveAsync(queue, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (OperationInterruptedException error) when (error.ShutdownReason is { ReplyCode: (ushort)ReplyCode.NotFound } reason && !RabbitMqErrors.IsPassing(reason))
        {
            return false;
        }
        finally
        {
            await CloseWireAsync(probe, ReplyCode.Success, "Goodbye").ConfigureAwait(false);
        }
    }

    // Never throws: one that did not start, or whose wire is gone, needs no end.
    private static async Task EndUnwantedAsync(Task<RabbitConsumer> starting)
    {
        try
        {
            RabbitConsumer consumer = await starting.ConfigureAwait(false);
            await consumer.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is EmbeddedMqException || WireFailure.Is(error))
        {
        }
    }

    private static void CheckPrefetch(int prefetchCount, string parameter)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(prefetchCount, parameter);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefetchCount, ushort.MaxValue, parameter);
    }

    private async Task ConsumeOnAsync(RabbitConsumer consumer, string wireQueue, ChannelLink link)
    {
        int prefetch = consumer.SettlesByReading ? _connection.Settings.Options.AutoAckWindow : consumer.PrefetchCount;
        if (link.WirePrefetch != prefetch)
        {
            await link.Wire.BasicQosAsync(0, (ushort)prefetch, global: false).ConfigureAwait(false);
            link.WirePrefetch = prefetch;
            if (_channelPrefetch > 0)
            {
                await link.Wire.BasicQosAsync(0, (ushort)_channelPrefetch, global: true).ConfigureAwait(false); // ended by the call before
            }
        }

        ConsumerFeed feed = consumer.BeginFeed(link);
        string tag = await link.Wire.BasicConsumeAsync(
            wireQueue,
            autoAck: consumer.IsUnacknowledgedOnWire,
            consumer.ConsumerTag,
            noLocal: false,
            consumer.Options.Exclusive,
            WireTable.ToWire(consumer.WireArguments),
            feed).ConfigureAwait(false);
        consumer.Started(tag);
        _consumers[tag] = consumer;
        if (consumer.Ended.IsCompleted)
        {
            _consumers.TryRemove(KeyValuePair.Create(tag, consumer)); // its queue went at once
        }

        if (_closeReason is { } reason)
        {
            consumer.End(ConsumerEnd.ChannelClosed, reason.IsNormal ? null : ClosedError());
        }
    }

    private async ValueTask RestartConsumerAsync(RabbitConsumer consumer, ChannelLink link, CancellationToken cancellationToken)
    {
        string queue = Topology.CurrentName(consumer.Queue);
        if (queue != ReplyQueue && !await QueueExistsAsync(link.Session, queue, cancellationToken).ConfigureAwait(false))
        {
            // It was not declared on this connection, or is another's by now, and the server does not have it any more.
            Forget(consumer);
            consumer.End(ConsumerEnd.QueueGone, null);
            return;
        }

        await ConsumeOnAsync(consumer, queue, link).ConfigureAwait(false);
    }

    private GetResult Got(ChannelLink link, Client.BasicGetResult got, bool autoAck)
    {
        if (autoAck)
        {
            link.Book.AddSettled(got.DeliveryTag);
        }
        else if (!link.Book.Add(got.DeliveryTag, settledByReading: false))
        {
            throw RabbitMqErrors.OutcomeUnknown(_connection.Name, "the connection was lost");
        }

        Message message = WireMessage.FromWire(got.BasicProperties, got.Body);
        Delivery delivery = new(
            message,
            got.Exchange,
            got.RoutingKey,
            link.TagOffset + got.DeliveryTag,
            consumerTag: null,
            got.Redelivered,
            WireMessage.DeliveryCountOf(message, got.Redelivered));
        return new GetResult(delivery, got.MessageCount);
    }

    /// <summary>Settles on the wire. A tag of an earlier wire needs no settling: the message went back with that wire and comes again under another tag.</summary>
    private async ValueTask SettleAsync(ulong deliveryTag, bool multiple, Func<Client.IChannel, ulong, bool, ValueTask> settle, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_link is null && _closeReason is null && deliveryTag <= Volatile.Read(ref _tagOffset))
        {
            return; // while the connection is being recovered every tag is of an earlier wire
        }

        await CallAsync(link => SettleOnAsync(link, deliveryTag, multiple, settle), cancellationToken).ConfigureAwait(false);
    }

    private async Task SettleOnAsync(ChannelLink link, ulong deliveryTag, bool multiple, Func<Client.IChannel, ulong, bool, ValueTask> settle)
    {
        if (deliveryTag != 0 && deliveryTag <= link.TagOffset)
        {
            return;
        }

        ulong wireTag = deliveryTag == 0 ? 0 : deliveryTag - link.TagOffset;
        List<ulong> tags = [wireTag];
        bool mixed = false;
        if (!(multiple ? link.Book.TryTakeUpTo(wireTag, out tags, out mixed) : link.Book.TryTake(wireTag)))
        {
            await SettleUnknownAsync(link, wireTag, multiple, settle).ConfigureAwait(false);
            return;
        }

        HoldForTransaction(link, tags);
        if (!mixed)
        {
            await settle(link.Wire, wireTag, multiple).ConfigureAwait(false);
            return;
        }

        foreach (ulong tag in tags)
        {
            await settle(link.Wire, tag, false).ConfigureAwait(false);
        }
    }

    // The server closes the channel for it; its words are the error, unless the connection goes before they come.
    private async ValueTask SettleUnknownAsync(ChannelLink link, ulong wireTag, bool multiple, Func<Client.IChannel, ulong, bool, ValueTask> settle)
    {
        await settle(link.Wire, wireTag, multiple).ConfigureAwait(false);
        await _closed.Task.WaitAsync(_connection.Settings.Options.RequestTimeout, _connection.Settings.Options.TimeProvider, link.Death).ConfigureAwait(false);
        throw ClosedError();
    }

    private void HoldForTransaction(ChannelLink link, List<ulong> tags)
    {
        if (_mode != ChannelMode.Transactional)
        {
            return;
        }

        lock (link.SettledInTransaction)
        {
            link.SettledInTransaction.AddRange(tags);
            link.HoldsTransaction = true;
        }
    }
}
