namespace EmbeddedMq;

/// <summary>An error that closed a connection or kept it from opening, or a call on a connection that had closed.</summary>
/// <inheritdoc cref="EmbeddedMqException(ReplyCode, string, string?, string?, bool, Exception?)" path="/param"/>
public sealed class ConnectionException(
    ReplyCode replyCode, string replyText, string? advice = null, string? subject = null, bool isTransient = false, Exception? innerException = null)
    : EmbeddedMqException(replyCode, replyText, advice, subject, isTransient, innerException);
