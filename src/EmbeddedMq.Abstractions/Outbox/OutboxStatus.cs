namespace EmbeddedMq;

/// <summary>How far a message of the outbox is.</summary>
/// <remarks>The values are stored: each keeps its number.</remarks>
public enum OutboxStatus
{
    /// <summary>Stored; waits to be sent, for the first time or again.</summary>
    Pending = 0,

    /// <summary>Somebody has it in hand and sends it. After a crash, it is pending again once the lease is over.</summary>
    Sent = 1,

    /// <summary>The broker has taken responsibility for it.</summary>
    Confirmed = 2,

    /// <summary>Given up after too many attempts. It stays until somebody retries or discards it.</summary>
    Failed = 3,
}
