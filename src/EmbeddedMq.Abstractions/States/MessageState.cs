namespace EmbeddedMq;

/// <summary>What is known of one message, from the outbox to its consumers. Immutable; a state of one moment.</summary>
public sealed record MessageState
{
    /// <summary>The message's id.</summary>
    public required string MessageId { get; init; }

    /// <summary>How far it is, of all that is known.</summary>
    public required MessageStage Stage { get; init; }

    /// <summary>What the outbox knows: attempts, last error, times; <see langword="null"/> where there is none, or it knows nothing.</summary>
    public OutboxEntry? Outbox { get; init; }

    /// <summary>What each idempotent consumer that knows of it knows, by scope: the queue, unless the consumer says otherwise.</summary>
    public IReadOnlyDictionary<string, IdempotenceMark> Consumers { get; init; } = new Dictionary<string, IdempotenceMark>();

    /// <summary>What the check service knows: processed means that a consumer has confirmed it; <see langword="null"/> where there is none, or it knows nothing.</summary>
    public IdempotenceMark? Check { get; init; }
}
