namespace EmbeddedMq;

/// <summary>Why a channel or a connection closed. Immutable.</summary>
/// <param name="Initiator">Which side closed it.</param>
/// <param name="ReplyCode">The AMQP reply code; 200 is a normal close.</param>
/// <param name="ReplyText">The literal reply text, with the code's constant in front: <c>NOT_FOUND - no queue 'q' in vhost '/'</c>.</param>
public sealed record CloseReason(CloseInitiator Initiator, ReplyCode ReplyCode, string ReplyText)
{
    /// <summary>Whether this was a normal close rather than an error.</summary>
    public bool IsNormal => ReplyCode == ReplyCode.Success;

    /// <summary>The code and the text, for logs.</summary>
    public override string ToString() => $"{(int)ReplyCode} {ReplyText}";
}
