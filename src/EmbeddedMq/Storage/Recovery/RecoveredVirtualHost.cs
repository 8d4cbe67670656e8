using EmbeddedMq.Storage.Records;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.Storage.Recovery;

/// <summary>The names, bindings and policies of one virtual host, as changes replayed so far have left them.</summary>
/// <remarks>Used by one thread. Each change is applied whatever is there: a checkpoint may show what a later change brings about once more.</remarks>
/// <param name="name">Its name.</param>
internal sealed class RecoveredVirtualHost(string name)
{
    private readonly HashSet<Bound> _bindings = [];

    /// <summary>Its name.</summary>
    internal string Name => name;

    /// <summary>The durable exchanges, without the predeclared ones, by name.</summary>
    internal Dictionary<string, ExchangeDeclared> Exchanges { get; } = new(StringComparer.Ordinal);

    /// <summary>The durable queues, by name.</summary>
    internal Dictionary<string, TopologyItem.QueueDeclared> Queues { get; } = new(StringComparer.Ordinal);

    /// <summary>The policies, by name.</summary>
    internal Dictionary<string, Policy> Policies { get; } = new(StringComparer.Ordinal);

    /// <summary>The bindings.</summary>
    internal IReadOnlyCollection<Bound> Bindings => _bindings;

    /// <summary>Adds a binding.</summary>
    /// <param name="binding">The binding.</param>
    internal void Bind(Bound binding) => _bindings.Add(binding);

    /// <summary>Removes a binding.</summary>
    /// <param name="binding">The binding.</param>
    internal void Unbind(Bound binding) => _bindings.Remove(binding);

    /// <summary>Removes an exchange and the bindings that it is an end of.</summary>
    /// <param name="exchange">Its name.</param>
    internal void RemoveExchange(string exchange)
    {
        Exchanges.Remove(exchange);
        _bindings.RemoveWhere(binding => binding.Source == exchange || (binding.DestinationKind == DestinationKind.Exchange && binding.Destination == exchange));
    }

    /// <summary>Removes a queue and its bindings.</summary>
    /// <param name="queue">Its name.</param>
    internal void RemoveQueue(string queue)
    {
        Queues.Remove(queue);
        _bindings.RemoveWhere(binding => binding.DestinationKind == DestinationKind.Queue && binding.Destination == queue);
    }
}
