namespace EmbeddedMq;

/// <summary>A claim on a message was completed after its lease was over and somebody else had claimed or processed the message.</summary>
/// <remarks>The store remembered nothing and sent nothing for it. What the handler did elsewhere may have been done twice.</remarks>
/// <param name="key">The message.</param>
public sealed class ClaimLostException(IdempotenceKey key)
    : EmbeddedMqException(
        ReplyCode.PreconditionFailed,
        $"PRECONDITION_FAILED - the claim on message '{key.MessageId}' of '{key.Scope}' is lost: its lease was over, and somebody else has claimed or processed the message",
        "Give claims a longer lease, or find out what kept this process from renewing it.",
        key.MessageId)
{
    /// <summary>The message.</summary>
    public IdempotenceKey Key { get; } = key;
}
