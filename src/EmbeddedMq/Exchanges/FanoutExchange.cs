using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Routes to every binding; keys do not matter.</summary>
/// <param name="declaration">What it was declared with.</param>
internal sealed class FanoutExchange(ExchangeDeclaration declaration) : Exchange(declaration)
{
    private readonly CountedList<IDestination> _destinations = new();

    /// <inheritdoc/>
    internal override bool RoutesByKeyOnly => true;

    /// <inheritdoc/>
    internal override void CollectDestinations(in RoutingContext message, DestinationSet destinations)
    {
        foreach (IDestination? destination in _destinations.Places)
        {
            if (destination is not null)
            {
                destinations.Add(destination);
            }
        }
    }

    /// <inheritdoc/>
    internal override void OnAdded(Binding binding) => _destinations.Add(binding.Destination);

    /// <inheritdoc/>
    internal override void OnRemoved(Binding binding) => _destinations.Remove(binding.Destination);
}
