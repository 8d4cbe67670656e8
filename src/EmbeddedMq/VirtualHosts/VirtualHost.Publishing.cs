using System.Collections.Concurrent;
using EmbeddedMq.Bindings;
using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;

namespace EmbeddedMq.VirtualHosts;

/// <content>The way of a message from an exchange into queues: publishes, dead letters, delayed messages.</content>
internal sealed partial class VirtualHost : IQueueOwner
{
    // Never thrown: it tells a deletion to leave the queue alone.
    private static readonly InvalidOperationException StillUsed = new("The queue is in use again.");

    private readonly RouterPool _deadLetterRouters;
    private readonly ConcurrentDictionary<DelayedMessage, byte> _storedDelayed = new();
    private long _delayedCount;
    private long _delayedDroppedCount;

    /// <summary>How many messages delayed exchanges hold.</summary>
    internal long DelayedCount => Volatile.Read(ref _delayedCount);

    /// <summary>How many delayed messages found no queue when they were due.</summary>
    internal long DelayedDroppedCount => Volatile.Read(ref _delayedDroppedCount);

    /// <summary>Publishes a message for a channel.</summary>
    /// <param name="router">The channel's router, guarded by the caller.</param>
    /// <param name="exchangeName">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="mandatory">Whether it comes back when no queue takes it.</param>
    /// <param name="progress">What the confirm waits for.</param>
    /// <returns>Confirmed (also while something is to be waited for), returned or rejected.</returns>
    /// <exception cref="ChannelException">403 internal exchange; 404 no such exchange; 406 invalid CC or BCC.</exception>
    internal PublishOutcome Publish(Router router, string exchangeName, string routingKey, Message message, bool mandatory, ref PublishProgress progress)
    {
        // The common case by itself: a key that comes often, no headers that routing looks at, nothing to store.
        if (message.Properties.Headers is null
            && !(message.Properties.IsPersistent && _services.Store.IsDurable)
            && router.FindRoute(exchangeName, routingKey) is { } remembered)
        {
            remembered.Tally.Add();
            bool isRejected = false;
            foreach (IDestination destination in remembered.Queues)
            {
                isRejected |= ((IMessageSink)destination).Enqueue(message, exchangeName, routingKey, 0, ref progress.Pending) == EnqueueOutcome.Rejected;
            }

            return OutcomeOf(isRejected, mandatory && remembered.Queues.Length == 0);
        }

        return PublishRouted(router, exchangeName, routingKey, message, mandatory, ref progress);
    }

    /// <summary>Routes a message that a transaction holds: it goes to the queues whose names it was routed to when it was published, whatever is
    /// bound by the commit. The default exchange routes to a name, whether or not there is a queue of that name yet.</summary>
    /// <param name="router">The channel's router, guarded by the caller.</param>
    /// <param name="exchangeName">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <returns>The names of queues, and the delayed exchanges that will hold it.</returns>
    /// <exception cref="ChannelException">403 internal exchange; 404 no such exchange; 406 invalid CC or BCC.</exception>
    /// <remarks>Source: measured on RabbitMQ 3.10; rabbit_channel keeps the names until tx.commit.</remarks>
    internal (string[] QueueNames, DelayedExchange[] Delayed) RouteForCommit(Router router, string exchangeName, string routingKey, Message message)
    {
        RouteResult route = Route(router, exchangeName, routingKey, message);
        route.Source.CountPublished();
        if (exchangeName.Length > 0)
        {
            return (Array.ConvertAll(route.Queues.ToArray(), static queue => queue.Name), [.. route.Delayed]);
        }

        RoutingKeys keys = RoutingKeys.Read(routingKey, message.Properties);
        return ([.. keys.Additional.ToArray().Prepend(keys.Primary).Distinct(StringComparer.Ordinal)], []);
    }

    /// <summary>Finds the queues that a message of a transaction goes to: those that have its names when the transaction commits. Once for each, so that those
    /// that the journal names are those that get it.</summary>
    /// <param name="publish">The message.</param>
    internal CommittedPublish FindQueues(in RoutedPublish publish) => new(
        publish.Exchange, publish.RoutingKey, publish.Message, [.. publish.QueueNames.Select(FindQueue).OfType<IDestination>()], publish.Delayed);

    /// <summary>Hands a message of a transaction that commits to its queues.</summary>
    /// <param name="publish">The message.</param>
    /// <param name="storedAt">Its id in the journal, from <see cref="StoreTransaction"/>.</param>
    /// <param name="mandatory">Whether it comes back when no queue takes it.</param>
    /// <param name="pending">Set when a queue keeps the message waiting.</param>
    /// <returns>Confirmed (also while pending), returned or rejected.</returns>
    internal PublishOutcome Deliver(in CommittedPublish publish, ulong storedAt, bool mandatory, ref PendingPublish? pending)
        => Deliver(publish.Queues, publish.Delayed, publish.Exchange, publish.RoutingKey, publish.Message, storedAt, mandatory, ref pending);

    /// <summary>Hands a routed message to its destinations.</summary>
    /// <param name="queues">The queues that take it.</param>
    /// <param name="delayedExchanges">The delayed exchanges that hold it.</param>
    /// <param name="exchangeName">The exchange that it was published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="storedAt">Its id in the journal, for those destinations that are stored.</param>
    /// <param name="mandatory">Whether it comes back when no queue takes it.</param>
    /// <param name="pending">Set when a queue keeps the message waiting.</param>
    /// <returns>Confirmed (also while pending), returned or rejected.</returns>
    private PublishOutcome Deliver(
        ReadOnlySpan<IDestination> queues,
        ReadOnlySpan<DelayedExchange> delayedExchanges,
        string exchangeName,
        string routingKey,
        Message message,
        ulong storedAt,
        bool mandatory,
        ref PendingPublish? pending)
    {
        bool rejected = false;
        foreach (IDestination destination in queues)
        {
            rejected |= ((IMessageSink)destination).Enqueue(message, exchangeName, routingKey, storedAt, ref pending) == EnqueueOutcome.Rejected;
        }

        foreach (DelayedExchange delayed in delayedExchanges)
        {
            Hold(delayed, exchangeName, routingKey, message, storedAt);
        }

        // A delayed message routes to nothing when it is published, which is what mandatory asks about.
        return OutcomeOf(rejected, mandatory && queues.IsEmpty);
    }

    private static PublishOutcome OutcomeOf(bool isRejected, bool isReturned)
        => isRejected ? PublishOutcome.Rejected : isReturned ? PublishOutcome.Returned : PublishOutcome.Confirmed;

    /// <summary>Checks that an exchange can be published to.</summary>
    /// <param name="exchangeName">The exchange.</param>
    /// <exception cref="ChannelException">403 internal exchange; 404 no such exchange.</exception>
    internal void CheckPublish(string exchangeName)
    {
        if (GetExchange(exchangeName).Declaration.IsInternal)
        {
            throw MqErrors.PublishToInternalExchange(Name, exchangeName);
        }
    }

    /// <inheritdoc/>
    public bool DeadLetter(Queue queue, QueueSettings settings, Messages.QueueEntry entry, DeathReason reason)
    {
        if (FindExchange(settings.DeadLetterExchange!) is not { } exchange)
        {
            return false;
        }

        Message dead = settings.DeadLetterRoutingKey is null ? entry.Message : RoutingKeys.WithoutBcc(entry.Message);
        DeathCause cause = new(queue.Name, reason, _services.Clock.UtcNow, entry.Exchange, entry.RoutingKey, [], settings.DeadLetterRoutingKey);
        DeadLetter letter = DeathHistory.Record(dead, cause);
        NamedPlaces named = _services.Store.Named;
        int phase = named.Enter();
        try
        {
            return PublishUnattended(
                exchange,
                exchange.Name,
                letter.RoutingKey,
                letter.Message,
                target => DeathHistory.IsCycle(letter.Message.Headers, target, reason),
                new StoredSource(queue.Stored, entry));
        }
        finally
        {
            named.Leave(phase);
        }
    }

    /// <summary>Routes a delayed message that is due.</summary>
    /// <param name="delayed">The message.</param>
    internal void RouteDelayed(DelayedMessage delayed) => AftermathRunner.RunAfter(() =>
    {
        NamedPlaces named = _services.Store.Named;
        int phase = named.Enter();
        try
        {
            RouteNamed(delayed);
        }
        finally
        {
            named.Leave(phase); // what this gives rise to comes after it, and may take long
        }
    });

    /// <inheritdoc/>
    public void DeleteUnused(Queue queue) => DeleteQueue(queue, static counts => counts.ConsumerCount > 0 ? StillUsed : null);

    /// <inheritdoc/>
    public void DeleteExpired(Queue queue) => DeleteQueue(queue, _ => queue.IsLeaseOver_NeedsGate() ? null : StillUsed);

    private void RouteNamed(DelayedMessage delayed)
    {
        if (!delayed.TryBeginRouting())
        {
            return;
        }

        _storedDelayed.TryRemove(delayed, out _);
        Interlocked.Decrement(ref _delayedCount);
        Message message = DelayedExchange.MarkDelayed(delayed.Entry.Message);
        bool isAlive = ReferenceEquals(FindExchange(delayed.Exchange.Name), delayed.Exchange);
        bool taken = false;
        try
        {
            taken = isAlive && PublishUnattended(
                delayed.Exchange, delayed.Entry.Exchange, delayed.Entry.RoutingKey, message, static _ => false, new StoredSource(delayed.Exchange.Stored, delayed.Entry));
        }
        finally
        {
            if (!taken)
            {
                Interlocked.Increment(ref _delayedDroppedCount);
            }

            _services.Memory.Release(delayed.MemoryBytes);
            if (delayed.Entry.IsStored)
            {
                delayed.Exchange.Stored!.Settle(delayed.Entry);
            }
        }
    }

    private PublishOutcome PublishRouted(
        Router router, string exchangeName, string routingKey, Message message, bool mandatory, ref PublishProgress progress)
    {
        RouteResult route = Route(router, exchangeName, routingKey, message);
        route.Source.CountPublished();
        if (route.Queues.Length > _services.Store.MostRefs)
        {
            return PublishInParts(route, exchangeName, routingKey, message, ref progress);
        }

        progress.StoredAt = Store(route.Queues, route.Delayed, exchangeName, routingKey, message, default, out progress.IsStored);
        return Deliver(route.Queues, route.Delayed, exchangeName, routingKey, message, progress.StoredAt, mandatory, ref progress.Pending);
    }

    // More queues than one record may name: each of several names its share of them.
    private PublishOutcome PublishInParts(in RouteResult route, string exchangeName, string routingKey, Message message, ref PublishProgress progress)
    {
        MessageStore store = _services.Store;
        long resumedAt = store.Journal.Hot.ResumedAt;
        bool isRejected = false;
        bool isStored = true;
        for (int first = 0; first < route.Queues.Length; first += store.MostRefs)
        {
            ReadOnlySpan<IDestination> some = route.Queues.Slice(first, Math.Min(store.MostRefs, route.Queues.Length - first));
            ReadOnlySpan<DelayedExchange> delayed = first == 0 ? route.Delayed : [];
            ulong storedAt = Store(some, delayed, exchangeName, routingKey, message, default, out bool isToBeStored);
            progress.IsStored |= isToBeStored;
            progress.StoredAt = isToBeStored ? storedAt : progress.StoredAt;
            isStored &= storedAt != 0 || !isToBeStored;
            isRejected |= Deliver(some, delayed, exchangeName, routingKey, message, storedAt, mandatory: false, ref progress.Pending) == PublishOutcome.Rejected;
        }

        // The last one tells of all before it, unless the disk has failed among them.
        if (!isStored || store.Journal.Hot.ResumedAt != resumedAt)
        {
            progress.StoredAt = 0;
        }

        return OutcomeOf(isRejected, isReturned: false);
    }

    private RouteResult Route(Router router, string exchangeName, string routingKey, Message message)
    {
        RoutingKeys keys = RoutingKeys.Read(routingKey, message.Properties);
        if (!keys.HasAdditional && router.TryRouteCached(exchangeName, routingKey, out RouteResult cached))
        {
            return cached;
        }

        Exchange exchange = GetExchange(exchangeName);
        return exchange.Declaration.IsInternal
            ? throw MqErrors.PublishToInternalExchange(Name, exchangeName)
            : router.Route(exchange, keys, message.Properties);
    }

    private bool PublishUnattended(
        Exchange exchange, string shownExchange, string routingKey, Message message, Func<string, bool> isExcluded, in StoredSource source)
    {
        Router router = _deadLetterRouters.Rent();
        try
        {
            RouteResult route = router.Route(exchange, RoutingKeys.Read(routingKey, message.Properties), message.Properties);
            IDestination[] queues = [.. route.Queues.ToArray().Where(destination => !isExcluded(destination.Name))];
            bool taken = false;
            int most = _services.Store.MostRefs;
            int last = Math.Max(0, queues.Length - 1) / most * most;
            for (int first = 0; first <= last; first += most)
            {
                // More queues than one record may name: it leaves with the last of several, so that a crash before that brings it back.
                ReadOnlySpan<IDestination> some = queues.AsSpan(first, Math.Min(most, queues.Length - first));
                ReadOnlySpan<DelayedExchange> delayedExchanges = first == last ? route.Delayed : [];
                ulong storedAt = Store(some, delayedExchanges, shownExchange, routingKey, message, first == last ? source : default, out _);
                foreach (IDestination destination in some)
                {
                    taken |= destination is Queue queue
                        ? queue.EnqueueUnattended(message, shownExchange, routingKey, storedAt)
                        : EnqueueReply((IMessageSink)destination, message, shownExchange, routingKey);
                }

                foreach (DelayedExchange delayed in delayedExchanges)
                {
                    Hold(delayed, shownExchange, routingKey, message, storedAt);
                    taken = true;
                }
            }

            return taken;
        }
        finally
        {
            _deadLetterRouters.Return(router);
        }
    }

    private static bool EnqueueReply(IMessageSink sink, Message message, string exchange, string routingKey)
    {
        PendingPublish? pending = null; // a reply queue keeps nothing waiting
        return sink.Enqueue(message, exchange, routingKey, storedAt: 0, ref pending) == EnqueueOutcome.Accepted;
    }

    private void Hold(DelayedExchange exchange, string sourceExchange, string routingKey, Message message, ulong storedAt)
    {
        DelayedExchange.TryGetDelay(message.Headers, out TimeSpan delay);
        Hold(exchange, sourceExchange, routingKey, message, exchange.Stored is null ? 0 : storedAt, delay);
    }

    private void Hold(DelayedExchange exchange, string sourceExchange, string routingKey, Message message, ulong storedAt, TimeSpan delay)
    {
        DelayedMessage delayed = new(exchange, sourceExchange, routingKey, message, storedAt, _services.Clock.NowMs + (long)delay.TotalMilliseconds, this);
        if (exchange.Stored is not null && message.Properties.IsPersistent)
        {
            _storedDelayed.TryAdd(delayed, 0); // also one that the journal could not take: it is stored when the disk is back
        }

        _services.Memory.Add(delayed.MemoryBytes);
        Interlocked.Increment(ref _delayedCount);
        _services.Scheduler.Schedule(delayed, delayed.RouteAtMs);
    }
}
