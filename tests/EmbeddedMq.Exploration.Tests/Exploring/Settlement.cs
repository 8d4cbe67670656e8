namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>What becomes of a delivery.</summary>
/// <param name="Kind">Which answer.</param>
/// <param name="Multiple">Whether it is for all deliveries up to this one.</param>
internal readonly record struct Settlement(SettlementKind Kind, bool Multiple)
{
    /// <inheritdoc/>
    public override string ToString() => Kind.ToString().ToLowerInvariant() + (Multiple ? " all" : "");
}
