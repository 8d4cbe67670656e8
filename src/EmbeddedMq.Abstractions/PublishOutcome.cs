namespace EmbeddedMq;

/// <summary>What a broker says of a publish.</summary>
public enum PublishOutcome
{
    /// <summary>The broker has taken responsibility (basic.ack); on a channel without confirms: the message was handed over.</summary>
    Confirmed,

    /// <summary>Mandatory, and no queue took it (basic.return).</summary>
    Returned,

    /// <summary>Refused by a full queue or by the broker (basic.nack).</summary>
    Rejected,
}
