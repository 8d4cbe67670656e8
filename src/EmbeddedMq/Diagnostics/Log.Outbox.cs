using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Diagnostics;

/// <content>The outbox.</content>
internal static partial class Log
{
    [LoggerMessage(LogEvents.OutboxSendFailed, LogLevel.Warning, "Attempt {Attempt} at sending message '{MessageId}' of the outbox of broker '{Broker}' failed: {Reason} The next follows in {Delay}")]
    internal static partial void OutboxSendFailed(ILogger logger, string broker, string messageId, int attempt, string reason, TimeSpan delay);

    [LoggerMessage(LogEvents.OutboxMessageFailed, LogLevel.Error, "Attempt {Attempt} at sending message '{MessageId}' of the outbox of broker '{Broker}' failed and was the last: {Reason} It stays in the outbox until somebody retries or discards it")]
    internal static partial void OutboxMessageFailed(ILogger logger, string broker, string messageId, int attempt, string reason);

    [LoggerMessage(LogEvents.OutboxBrokerUnreachable, LogLevel.Warning, "The outbox cannot send to broker '{Broker}': {Reason} It tries again in {Delay}")]
    internal static partial void OutboxBrokerUnreachable(ILogger logger, string broker, string reason, TimeSpan delay);

    [LoggerMessage(LogEvents.OutboxStoreFailed, LogLevel.Warning, "The store of the outbox of broker '{Broker}' failed; it is tried again in {Delay}")]
    internal static partial void OutboxStoreFailed(ILogger logger, Exception error, string broker, TimeSpan delay);

    [LoggerMessage(LogEvents.OutboxNoteLost, LogLevel.Warning, "What became of {Messages} messages of the outbox of broker '{Broker}' could not be noted; they are sent again when their lease is over")]
    internal static partial void OutboxNoteLost(ILogger logger, Exception error, string broker, int messages);

    [LoggerMessage(LogEvents.OutboxCallbackFailed, LogLevel.Error, "The application's function for messages of the outbox that were given up failed for message '{MessageId}' of broker '{Broker}'")]
    internal static partial void OutboxCallbackFailed(ILogger logger, Exception error, string broker, string messageId);

    [LoggerMessage(LogEvents.OutboxLeftBehind, LogLevel.Warning, "The outbox of broker '{Broker}' stopped with {Messages} messages in hand; they are sent again when their lease is over")]
    internal static partial void OutboxLeftBehind(ILogger logger, string broker, int messages);
}
