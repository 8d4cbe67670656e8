namespace EmbeddedMq.Handlers.Outbox;

/// <summary>What became of the attempt to send a message. Immutable.</summary>
/// <param name="Outcome">What.</param>
/// <param name="Reason">Why it was not confirmed, as a sentence; empty where that is nobody's concern.</param>
internal readonly record struct SendResult(SendOutcome Outcome, string Reason = "")
{
    /// <summary>It was confirmed.</summary>
    public static SendResult Confirmed { get; } = new(SendOutcome.Confirmed);

    /// <summary>It was not sent, or its channel closed for the sake of another.</summary>
    public static SendResult NotTried { get; } = new(SendOutcome.NotTried);

    /// <summary>No answer had come when the waiting was ended.</summary>
    public static SendResult Unanswered { get; } = new(SendOutcome.Unanswered);
}
