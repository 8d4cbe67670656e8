using EmbeddedMq.Bindings;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Exchanges;

/// <summary>The exchange without a name: every queue is bound to it by its own name, and no binding can be made or removed.</summary>
/// <param name="queues">The queues of the virtual host.</param>
internal sealed class DefaultExchange(IQueueDirectory queues) : Exchange(new ExchangeDeclaration("", ExchangeType.Direct).Durable())
{
    /// <inheritdoc/>
    internal override bool RoutesByKeyOnly => true;

    /// <inheritdoc/>
    internal override bool RoutesEveryKey => true;

    /// <inheritdoc/>
    internal override void CollectDestinations(in RoutingContext message, DestinationSet destinations)
    {
        if (queues.FindQueue(message.RoutingKey) is { } queue)
        {
            destinations.Add(queue);
        }
    }

    /// <inheritdoc/>
    internal override void ValidateBinding(Binding binding) => throw MqErrors.DefaultExchangeOperation();

    /// <inheritdoc/>
    internal override void OnAdded(Binding binding) => throw MqErrors.DefaultExchangeOperation();

    /// <inheritdoc/>
    internal override void OnRemoved(Binding binding) => throw MqErrors.DefaultExchangeOperation();
}
