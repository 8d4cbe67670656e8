using System.Runtime.InteropServices;
using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Leads a message from an exchange to queues: bindings between exchanges, alternate exchanges, CC and BCC, each queue once.</summary>
/// <remarks>
/// <para>Not thread-safe: each channel, and each other place that publishes, has its own and guards it. It remembers hot routes and keeps the
/// memory that routing needs, so in the steady state it allocates nothing.</para>
/// <code>
/// an exchange that is reached                     leads to
/// again                                           nothing more: this cuts cycles
/// delayed, and the message's delay is pending     itself, in RouteResult.Delayed; it is routed when due
/// with a match for any key                        what matches, exchanges included
/// with no match, and an alternate that exists     the alternate exchange; the default exchange is none
/// with no match otherwise                         nothing
/// </code>
/// <para>A match is a match even when it leads to an exchange that leads nowhere: then that exchange's alternate may help, not this one's.
/// A delayed exchange that is reached through another exchange holds the message as if it had been published to it, and while it holds the
/// message its alternate stays unused. Source: RabbitMQ, rabbit_exchange:route.</para>
/// </remarks>
/// <param name="exchanges">The exchanges of the virtual host.</param>
/// <param name="seed">The seed of the choices that random exchanges make.</param>
internal sealed class Router(IExchangeDirectory exchanges, int seed)
{
    private readonly RouteCache _cache = new();
    private readonly Random _random = new(seed);

    // What was reached, in order, exchanges included: it is also the list of exchanges still to be asked.
    private readonly DestinationSet _reached = new();
    private readonly List<IDestination> _queues = [];
    private readonly List<DelayedExchange> _delayed = [];

    /// <summary>Looks up a remembered route, for a message without CC and BCC.</summary>
    /// <param name="exchangeName">The exchange that is published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <returns>One that is still valid; if there is none, find the exchange and call <see cref="Route"/>.</returns>
    internal RememberedRoute? FindRoute(string exchangeName, string routingKey) => _cache.Find(exchangeName, routingKey, exchanges.Version);

    /// <summary>Looks up a remembered route, as <see cref="FindRoute"/> does.</summary>
    /// <param name="exchangeName">The exchange that is published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="result">The route.</param>
    /// <returns>Whether one is remembered that is still valid.</returns>
    internal bool TryRouteCached(string exchangeName, string routingKey, out RouteResult result)
    {
        RememberedRoute? route = FindRoute(exchangeName, routingKey);
        result = route is null ? default : new RouteResult(route.Source, route.Queues, []);
        return route is not null;
    }

    /// <summary>Forgets what it remembers, for good: its channel has closed.</summary>
    internal void Close() => _cache.Close();

    /// <summary>Routes a message, and remembers the route where that is sound.</summary>
    /// <param name="source">The exchange that is published to.</param>
    /// <param name="keys">All keys of the message.</param>
    /// <param name="properties">Its properties.</param>
    internal RouteResult Route(Exchange source, scoped in RoutingKeys keys, MessageProperties properties)
    {
        long version = exchanges.Version; // before anything is looked at: see IExchangeDirectory.Version
        _reached.Clear();
        _delayed.Clear();
        _reached.Add(source);

        RoutingContext message = new(keys.Primary, properties, _random);
        int exchangeCount = 0;
        bool isByKeyOnly = !keys.HasAdditional;
        for (int i = 0; i < _reached.Count; i++)
        {
            if (_reached[i] is Exchange exchange)
            {
                exchangeCount++;
                isByKeyOnly &= exchange.RoutesByKeyOnly;
                Expand(exchange, message, keys);
            }
        }

        ReadOnlySpan<IDestination> queues = QueuesOf(exchangeCount);
        if (isByKeyOnly && _cache.IsWorthStoring(source, keys.Primary, version, queues) && IsCurrent(source))
        {
            _cache.Store(source, keys.Primary, queues);
        }

        return new RouteResult(source, queues, CollectionsMarshal.AsSpan(_delayed));
    }

    private void Expand(Exchange exchange, in RoutingContext message, in RoutingKeys keys)
    {
        if (exchange is DelayedExchange delayed && DelayedExchange.TryGetDelay(message.Headers, out _))
        {
            _delayed.Add(delayed);
            return;
        }

        int offered = _reached.OfferedCount;
        exchange.CollectDestinations(message, _reached);
        if (exchange.RoutesEveryKey)
        {
            foreach (string key in keys.Additional)
            {
                exchange.CollectDestinations(message.WithKey(key), _reached);
            }
        }

        bool isMatched = _reached.OfferedCount > offered;
        if (!isMatched && exchange.EffectiveAlternate is { Length: > 0 } name && exchanges.FindExchange(name) is { } alternate)
        {
            _reached.Add(alternate);
        }
    }

    // Nearly always the only exchange is the source, in front of the queues.
    private ReadOnlySpan<IDestination> QueuesOf(int exchangeCount)
    {
        if (exchangeCount == 1)
        {
            return _reached.Items[1..];
        }

        _queues.Clear();
        if (_queues.Capacity > DestinationSet.RetainedCapacity)
        {
            _queues.Capacity = DestinationSet.RetainedCapacity;
        }

        foreach (IDestination destination in _reached.Items)
        {
            if (destination is not Exchange)
            {
                _queues.Add(destination);
            }
        }

        return CollectionsMarshal.AsSpan(_queues);
    }

    // The caller found the exchange before the version was read: meanwhile the name may have passed to another exchange.
    private bool IsCurrent(Exchange source) => ReferenceEquals(exchanges.FindExchange(source.Name), source);
}
