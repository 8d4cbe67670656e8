namespace EmbeddedMq.Handlers.Checks;

/// <summary>What comes to the queue of a check service, or as its question to a producer. Immutable; written and read by <see cref="CheckMessages"/>.</summary>
internal sealed record CheckMessage
{
    /// <summary>The id of the message that is concerned.</summary>
    public required string MessageId { get; init; }

    /// <summary>The queue whose consumer has processed it; <see langword="null"/> for a check.</summary>
    public string? ConfirmedBy { get; init; }

    /// <summary>The message that is checked; <see langword="null"/> for a confirmation.</summary>
    public MessageCheck? Check { get; init; }

    /// <summary>The check service's queue. Of a check.</summary>
    public string Queue { get; init; } = "";

    /// <summary>How long the check has waited. Of a check.</summary>
    public TimeSpan Delay { get; init; }
}
