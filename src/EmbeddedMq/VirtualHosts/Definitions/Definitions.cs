namespace EmbeddedMq.VirtualHosts;

/// <summary>What a definitions file holds, as far as it is supported.</summary>
/// <param name="VirtualHosts">The virtual hosts, in the file's order.</param>
/// <remarks>
/// Immutable. Read from a file it is valid in itself: names and arguments are checked, and every binding has its ends within it or among
/// <see cref="PredeclaredExchanges"/>. It is applied virtual host by virtual host: create it, then its exchanges, policies, queues and
/// bindings in this order; what exists already stays as it is. So does RabbitMQ.
/// </remarks>
internal sealed record Definitions(IReadOnlyList<VirtualHostDefinition> VirtualHosts)
{
    /// <summary>What a file held beyond that and importing left out, since it changes nothing here; each text names its place.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];
}
