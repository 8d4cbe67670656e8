namespace EmbeddedMq;

/// <summary>Settings for every exchange or queue whose name matches. Immutable.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Pattern">A regular expression over names, not anchored.</param>
/// <param name="Definition">Keys as in RabbitMQ: <c>message-ttl</c>, <c>expires</c>, <c>max-length</c>, <c>max-length-bytes</c>, <c>overflow</c>,
/// <c>dead-letter-exchange</c>, <c>dead-letter-routing-key</c>, <c>delivery-limit</c>, <c>alternate-exchange</c>.</param>
/// <remarks>Of several that match exactly one applies, the one of the highest priority; they are never merged. With an argument of the same
/// meaning the smaller number wins; for exchanges, keys and overflow the argument wins. Source: RabbitMQ policies.</remarks>
public sealed record Policy(string Name, string Pattern, HeaderTable Definition)
{
    /// <summary>What it applies to. Default <see cref="PolicyTarget.All"/>.</summary>
    public PolicyTarget ApplyTo { get; init; } = PolicyTarget.All;

    /// <summary>The highest of those that match applies. Default 0.</summary>
    public int Priority { get; init; }
}
