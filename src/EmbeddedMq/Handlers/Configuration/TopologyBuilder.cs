namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects a topology. Names are checked here, what they refer to is the broker's to check.</summary>
/// <param name="errors">Where mistakes are noted.</param>
internal sealed class TopologyBuilder(ConfigurationErrors errors) : ITopologyBuilder
{
    private readonly Dictionary<string, ExchangeDeclaration> _exchanges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, QueueDeclaration> _queues = new(StringComparer.Ordinal);
    private readonly List<PlannedBinding> _bindings = [];
    private readonly List<Policy> _policies = [];

    /// <summary>The queues declared, by name.</summary>
    public IReadOnlyDictionary<string, QueueDeclaration> Queues => _queues;

    /// <inheritdoc/>
    public ITopologyBuilder Exchange(string name, string type, Func<ExchangeDeclaration, ExchangeDeclaration>? configure = null)
    {
        errors.CheckName("exchange", name);
        ExchangeDeclaration declaration = new(name, type);
        declaration = configure is null ? declaration : configure(declaration);
        if (!_exchanges.TryAdd(name, declaration) && _exchanges[name] != declaration)
        {
            errors.Add($"Exchange '{name}' is declared twice, differently. Declare it once.");
        }

        return this;
    }

    /// <inheritdoc/>
    public ITopologyBuilder Queue(string name, Func<QueueDeclaration, QueueDeclaration>? configure = null)
    {
        errors.CheckName("queue", name);
        QueueDeclaration declaration = new(name);
        declaration = configure is null ? declaration : configure(declaration);
        if (!_queues.TryAdd(name, declaration) && _queues[name] != declaration)
        {
            errors.Add($"Queue '{name}' is declared twice, differently. Declare it once.");
        }

        return this;
    }

    /// <inheritdoc/>
    public ITopologyBuilder Bind(string queue, string exchange, string routingKey = "", HeaderTable? arguments = null)
    {
        errors.CheckName("queue", queue);
        errors.CheckName("exchange", exchange);
        errors.CheckKey("binding key", routingKey);
        _bindings.Add(new PlannedBinding(DestinationKind.Queue, queue, exchange, routingKey, arguments));
        return this;
    }

    /// <inheritdoc/>
    public ITopologyBuilder BindExchange(string destination, string source, string routingKey = "", HeaderTable? arguments = null)
    {
        errors.CheckName("exchange", destination);
        errors.CheckName("exchange", source);
        errors.CheckKey("binding key", routingKey);
        _bindings.Add(new PlannedBinding(DestinationKind.Exchange, destination, source, routingKey, arguments));
        return this;
    }

    /// <inheritdoc/>
    public ITopologyBuilder Policy(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        _policies.Add(policy);
        return this;
    }

    /// <summary>The topology so far.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    public TopologyPlan Build(string virtualHost) => new()
    {
        VirtualHost = virtualHost,
        Policies = [.. _policies],
        Exchanges = [.. _exchanges.Values],
        Queues = [.. _queues.Values],
        Bindings = [.. _bindings],
    };
}
