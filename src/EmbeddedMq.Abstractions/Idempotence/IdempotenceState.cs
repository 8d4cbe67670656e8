namespace EmbeddedMq;

/// <summary>How far a message is, for an idempotence store.</summary>
/// <remarks>The values are stored: each keeps its number.</remarks>
public enum IdempotenceState
{
    /// <summary>Somebody processes it.</summary>
    Claimed = 0,

    /// <summary>It was processed.</summary>
    Processed = 1,

    /// <summary>It was given up; another delivery may process it yet.</summary>
    Failed = 2,
}
