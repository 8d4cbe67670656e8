namespace EmbeddedMq.Exploration.Tests.Exploring;

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
