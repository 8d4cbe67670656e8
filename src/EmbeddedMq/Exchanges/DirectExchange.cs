using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Routes to the bindings whose key equals the routing key, byte for byte.</summary>
/// <param name="declaration">What it was declared with.</param>
internal sealed class DirectExchange(ExchangeDeclaration declaration) : Exchange(declaration)
{
    private readonly DirectTable _table = new();

    /// <inheritdoc/>
    internal override bool RoutesByKeyOnly => true;

    /// <inheritdoc/>
    internal override bool RoutesEveryKey => true;

    /// <inheritdoc/>
    internal override void CollectDestinations(in RoutingContext message, DestinationSet destinations)
        => _table.Match(message.RoutingKey, destinations);

    /// <inheritdoc/>
    internal override void OnAdded(Binding binding) => _table.Add(binding.RoutingKey, binding.Destination);

    /// <inheritdoc/>
    internal override void OnRemoved(Binding binding) => _table.Remove(binding.RoutingKey, binding.Destination);
}
