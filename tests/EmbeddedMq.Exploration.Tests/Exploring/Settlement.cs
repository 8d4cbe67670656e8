namespace EmbeddedMq.Exploration.Tests.Exploring;

/// <summary>What becomes of a delivery.</summary>
/// <param name="Kind">Which answer.</param>
/// <param name="Multiple">Whether it is for all deliveries up to this one.</param>
internal readonly record struct Settlement(SettlementKind Kind, bool Multiple)
{
    /// <inheritdoc/>
    public override string ToString() => Kind.ToString().ToLowerInvariant() + (Multiple ? " all" : "");
}

/// <summary>An answer to a delivery.</summary>
internal enum SettlementKind
{
    /// <summary>None: it stays unsettled.</summary>
    Keep,

    /// <summary>It is acknowledged.</summary>
    Ack,

    /// <summary>It goes back to its queue.</summary>
    Requeue,

    /// <summary>It goes to its dead-letter exchange, or is dropped.</summary>
    Reject,
}
