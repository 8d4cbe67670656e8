using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Where one key of one exchange leads, in one version of the topology; with no delayed exchange on the way.</summary>
/// <param name="source">The exchange that is published to.</param>
/// <param name="routingKey">The routing key.</param>
/// <param name="queues">The queues, each once.</param>
/// <param name="hash">The hash code of exchange and key.</param>
/// <param name="tally">Where publishes by this route are counted.</param>
internal sealed class RememberedRoute(Exchange source, string routingKey, IDestination[] queues, int hash, PublishTally tally)
{
    /// <summary>The exchange that is published to.</summary>
    internal Exchange Source => source;

    /// <summary>The queues that receive the message; each is of kind <see cref="DestinationKind.Queue"/>.</summary>
    internal IDestination[] Queues => queues;

    /// <summary>The hash code of exchange and key.</summary>
    internal int Hash => hash;

    /// <summary>Where publishes by this route are counted.</summary>
    internal PublishTally Tally => tally;

    /// <summary>Whether it is the route of a key.</summary>
    /// <param name="exchange">The exchange's name.</param>
    /// <param name="key">The routing key.</param>
    internal bool Leads(string exchange, string key)
        => string.Equals(routingKey, key, StringComparison.Ordinal) && string.Equals(source.Name, exchange, StringComparison.Ordinal);
}
