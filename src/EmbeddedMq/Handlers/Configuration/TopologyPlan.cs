namespace EmbeddedMq.Handlers.Configuration;

/// <summary>What is declared at start and after a lost connection, in the order of its properties. Immutable.</summary>
internal sealed record TopologyPlan
{
    /// <summary>The virtual host that everything is in.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>Policies to set.</summary>
    public IReadOnlyList<Policy> Policies { get; init; } = [];

    /// <summary>Exchanges to declare.</summary>
    public IReadOnlyList<ExchangeDeclaration> Exchanges { get; init; } = [];

    /// <summary>Queues to declare; with the consumers' retry queues at the end.</summary>
    public IReadOnlyList<QueueDeclaration> Queues { get; init; } = [];

    /// <summary>Queues to declare only where the broker has none of that name, whatever its arguments: dead-letter destinations.</summary>
    public IReadOnlyList<QueueDeclaration> QueuesIfMissing { get; init; } = [];

    /// <summary>Bindings of queues and of exchanges.</summary>
    public IReadOnlyList<PlannedBinding> Bindings { get; init; } = [];
}
