using EmbeddedMq.Bindings;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Exchanges;

/// <summary>Routes to one binding, chosen at random, each with the same probability; keys do not matter.</summary>
/// <remarks>
/// Serves two types. <c>x-random</c> takes any binding. <c>x-local-random</c> takes queues only, with an empty key; that it keeps to queues of
/// the local node says nothing within one process. Source: RabbitMQ's random exchange plugin; rabbit_exchange_type_local_random.
/// </remarks>
/// <param name="declaration">What it was declared with.</param>
/// <param name="isLocal">Whether its type is <see cref="ExchangeType.LocalRandom"/>.</param>
internal sealed class RandomExchange(ExchangeDeclaration declaration, bool isLocal) : Exchange(declaration)
{
    // Bindings, not destinations: a queue that is bound twice is chosen twice as often.
    private readonly CountedList<Binding> _choices = new();

    /// <inheritdoc/>
    internal override bool RoutesByKeyOnly => false;

    /// <inheritdoc/>
    internal override void CollectDestinations(in RoutingContext message, DestinationSet destinations)
    {
        if (_choices.TryPick(message.Random, out Binding? binding))
        {
            destinations.Add(binding.Destination);
        }
    }

    /// <inheritdoc/>
    internal override void ValidateBinding(Binding binding)
    {
        if (!isLocal)
        {
            return;
        }

        if (binding.RoutingKey.Length > 0)
        {
            throw MqErrors.LocalRandomKeyNotEmpty(binding.RoutingKey);
        }

        if (binding.Destination.Kind != DestinationKind.Queue)
        {
            throw MqErrors.LocalRandomNeedsQueue(binding.Destination.Name);
        }
    }

    /// <inheritdoc/>
    internal override void OnAdded(Binding binding) => _choices.Add(binding);

    /// <inheritdoc/>
    internal override void OnRemoved(Binding binding) => _choices.Remove(binding);
}
