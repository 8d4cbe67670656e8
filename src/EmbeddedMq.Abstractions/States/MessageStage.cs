namespace EmbeddedMq;

/// <summary>How far a message is on its way from its producer to its consumers.</summary>
public enum MessageStage
{
    /// <summary>Nothing that was asked knows of it, or no more.</summary>
    Unknown,

    /// <summary>It is in the outbox and waits to be sent, for the first time or again.</summary>
    Stored,

    /// <summary>It is being sent.</summary>
    Sent,

    /// <summary>The broker has taken responsibility for it; a consumer may have it in hand.</summary>
    Confirmed,

    /// <summary>A consumer has processed it, and none has given it up.</summary>
    Processed,

    /// <summary>It could not be sent, or a consumer has given it up: somebody has to look at it.</summary>
    Failed,
}
