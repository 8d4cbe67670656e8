namespace EmbeddedMq;

/// <summary>What became of a publish.</summary>
/// <param name="Outcome">Confirmed, returned or rejected.</param>
/// <param name="SequenceNumber">The publish sequence number on its channel: 1, 2, 3 …; 0 on a channel without confirms.</param>
/// <param name="RejectReason">Why a queue or the broker refused it; <see cref="RejectReason.None"/> unless rejected.</param>
public readonly record struct PublishResult(PublishOutcome Outcome, ulong SequenceNumber, RejectReason RejectReason = RejectReason.None)
{
    /// <summary>Whether the broker has taken responsibility for the message.</summary>
    public bool IsConfirmed => Outcome == PublishOutcome.Confirmed;

    /// <summary>The reply code that belongs to the outcome: 200, 312 for returned, 506 for rejected.</summary>
    public ReplyCode ReplyCode => Outcome switch
    {
        PublishOutcome.Returned => ReplyCode.NoRoute,
        PublishOutcome.Rejected => ReplyCode.ResourceError,
        _ => ReplyCode.Success,
    };
}
