using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Diagnostics;

/// <content>Delayed second confirmation.</content>
internal static partial class Log
{
    [LoggerMessage(LogEvents.CheckAnswered, LogLevel.Warning, "Nobody has confirmed to have processed message '{MessageId}', attempt {Attempt}; its producer says: {Answer}")]
    internal static partial void CheckAnswered(ILogger logger, string messageId, int attempt, string answer);

    [LoggerMessage(LogEvents.CheckFailed, LogLevel.Error, "Message '{MessageId}' of type '{MessageType}' of broker '{Broker}' is given up: {Reason} Its check goes to queue '{Queue}'")]
    internal static partial void CheckFailed(ILogger logger, string broker, string messageId, string messageType, string reason, string queue);

    [LoggerMessage(LogEvents.CheckCallbackFailed, LogLevel.Error, "The application's function for checked messages that are given up failed for message '{MessageId}'")]
    internal static partial void CheckCallbackFailed(ILogger logger, Exception error, string messageId);

    [LoggerMessage(LogEvents.CheckStoreFailed, LogLevel.Warning, "The idempotence store failed for the check of message '{MessageId}'")]
    internal static partial void CheckStoreFailed(ILogger logger, Exception error, string messageId);

    [LoggerMessage(LogEvents.ConfirmationNotSent, LogLevel.Warning, "Message '{MessageId}' of queue '{Queue}' was processed, and its check service could not be told: {Reason} Its producer will be asked")]
    internal static partial void ConfirmationNotSent(ILogger logger, Exception? error, string queue, string? messageId, string reason);
}
