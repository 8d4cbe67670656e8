namespace EmbeddedMq.VirtualHosts;

/// <summary>One virtual host of a definitions file.</summary>
/// <param name="Name">Its name.</param>
/// <remarks>Immutable. The lists come in the order in which they are to be applied.</remarks>
internal sealed record VirtualHostDefinition(string Name)
{
    /// <summary>Its exchanges, without those that every virtual host has.</summary>
    public IReadOnlyList<ExchangeDeclaration> Exchanges { get; init; } = [];

    /// <summary>Its policies.</summary>
    public IReadOnlyList<Policy> Policies { get; init; } = [];

    /// <summary>Its queues, none of them exclusive.</summary>
    public IReadOnlyList<QueueDeclaration> Queues { get; init; } = [];

    /// <summary>Its bindings, without the implicit ones of the default exchange.</summary>
    public IReadOnlyList<BindingDescription> Bindings { get; init; } = [];
}
