namespace EmbeddedMq.Handlers.Outbox;

/// <summary>What became of the attempt to send a message.</summary>
internal enum SendOutcome
{
    /// <summary>The broker has taken responsibility for it.</summary>
    Confirmed,

    /// <summary>The broker does not want it: no queue takes it, a queue is full, there is no such exchange, it is invalid. The attempt counts.</summary>
    Refused,

    /// <summary>The broker cannot be reached, or makes publishers wait. The attempt does not count; nothing else can be sent either.</summary>
    Unreachable,

    /// <summary>It was not sent, or its channel closed for another message's sake or the application's. The attempt does not count.</summary>
    NotTried,

    /// <summary>It was handed to the broker, which had not answered when the waiting was ended.</summary>
    Unanswered,
}
