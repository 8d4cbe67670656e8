using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Diagnostics;

/// <summary>What the typed layer and hosting log. Ids: <see cref="LogEvents"/>.</summary>
internal static partial class Log
{
    /// <summary>The category of all of them.</summary>
    internal const string Category = "EmbeddedMq";

    [LoggerMessage(LogEvents.BrokerStarted, LogLevel.Information, "Broker '{Broker}' started")]
    internal static partial void BrokerStarted(ILogger logger, string broker);

    [LoggerMessage(LogEvents.TopologyDeclared, LogLevel.Debug, "Broker '{Broker}': declared {Exchanges} exchanges, {Queues} queues and {Bindings} bindings in virtual host '{VirtualHost}'")]
    internal static partial void TopologyDeclared(ILogger logger, string broker, string virtualHost, int exchanges, int queues, int bindings);

    [LoggerMessage(LogEvents.StartFailed, LogLevel.Error, "Broker '{Broker}' could not be started; what had been started was stopped again")]
    internal static partial void StartFailed(ILogger logger, Exception error, string broker);

    [LoggerMessage(EventId = LogEvents.ConsumersStopped, Message = "Broker '{Broker}': consumers stopped. Left per queue: {Queues}")]
    internal static partial void ConsumersStopped(ILogger logger, LogLevel level, string broker, string queues);

    [LoggerMessage(LogEvents.HandlersCancelled, LogLevel.Warning, "Broker '{Broker}': handlers did not end within {StopTimeout}; cancelling them")]
    internal static partial void HandlersCancelled(ILogger logger, string broker, TimeSpan stopTimeout);

    [LoggerMessage(LogEvents.StopStepFailed, LogLevel.Warning, "Broker '{Broker}': {Step} failed while stopping; the stop goes on")]
    internal static partial void StopStepFailed(ILogger logger, Exception error, string broker, string step);

    [LoggerMessage(LogEvents.ConsumerStarted, LogLevel.Information, "Consuming queue '{Queue}' with {Concurrency} handlers and a prefetch of {Prefetch}")]
    internal static partial void ConsumerStarted(ILogger logger, string queue, int concurrency, int prefetch);

    [LoggerMessage(LogEvents.ConsumerLost, LogLevel.Warning, "The consumer of queue '{Queue}' ended: {Reason}. It is started again in {Delay}")]
    internal static partial void ConsumerLost(ILogger logger, Exception? error, string queue, string reason, TimeSpan delay);

    [LoggerMessage(LogEvents.HandlersOutliveConsumer, LogLevel.Warning, "The consumer of queue '{Queue}' ended: {Reason}. It is started again when its handlers have ended, and {Active} of them go on; a handler that waits for something needs a limit of its own")]
    internal static partial void HandlersOutliveConsumer(ILogger logger, string queue, string reason, int active);

    [LoggerMessage(LogEvents.ConsumerRestartFailed, LogLevel.Warning, "The consumer of queue '{Queue}' could not be started again. The next attempt follows in {Delay}")]
    internal static partial void ConsumerRestartFailed(ILogger logger, Exception error, string queue, TimeSpan delay);

    [LoggerMessage(LogEvents.HandlerFailedRetrying, LogLevel.Warning, "Attempt {Attempt} at message '{MessageId}' of queue '{Queue}' failed; the next follows in {Delay}")]
    internal static partial void HandlerFailedRetrying(ILogger logger, Exception error, string queue, string? messageId, int attempt, TimeSpan delay);

    [LoggerMessage(LogEvents.MessageDeadLettered, LogLevel.Error, "Attempt {Attempt} at message '{MessageId}' of queue '{Queue}' failed and was the last; the message went to exchange '{Exchange}' with key '{RoutingKey}'")]
    internal static partial void MessageDeadLettered(ILogger logger, Exception error, string queue, string? messageId, int attempt, string exchange, string routingKey);

    [LoggerMessage(LogEvents.MessageUnreadable, LogLevel.Error, "Message '{MessageId}' of queue '{Queue}' cannot be read as {Type}; it went to exchange '{Exchange}' with key '{RoutingKey}'")]
    internal static partial void MessageUnreadable(ILogger logger, Exception error, string queue, string? messageId, string type, string exchange, string routingKey);

    [LoggerMessage(LogEvents.HandlerFailedAfterSettling, LogLevel.Error, "The handler of message '{MessageId}' of queue '{Queue}' failed after it had settled the message")]
    internal static partial void HandlerFailedAfterSettling(ILogger logger, Exception error, string queue, string? messageId);

    [LoggerMessage(LogEvents.CopyFailed, LogLevel.Error, "A copy of message '{MessageId}' of queue '{Queue}' was not taken by exchange '{Exchange}' with key '{RoutingKey}'; the message stays unsettled, and the copy is tried again in {Delay}")]
    internal static partial void CopyFailed(ILogger logger, Exception error, string queue, string? messageId, string exchange, string routingKey, TimeSpan delay);

    [LoggerMessage(LogEvents.SettlementLost, LogLevel.Warning, "Message '{MessageId}' of queue '{Queue}' could not be settled; the broker delivers it again")]
    internal static partial void SettlementLost(ILogger logger, Exception error, string queue, string? messageId);

    [LoggerMessage(LogEvents.HandlerReturned, LogLevel.Information, "The handler of message '{MessageId}' of queue '{Queue}' was cancelled by the stop; the message goes back")]
    internal static partial void HandlerReturned(ILogger logger, Exception? error, string queue, string? messageId);

    [LoggerMessage(LogEvents.MessageDeadLetteredByHandler, LogLevel.Warning, "The handler of message '{MessageId}' of queue '{Queue}' dead-lettered it: {Reason}")]
    internal static partial void MessageDeadLetteredByHandler(ILogger logger, string queue, string? messageId, string reason);

    [LoggerMessage(LogEvents.MessageNotRecognised, LogLevel.Error, "Message '{MessageId}' of queue '{Queue}' cannot be processed once ({Reason}); it went to exchange '{Exchange}' with key '{RoutingKey}'")]
    internal static partial void MessageNotRecognised(ILogger logger, string queue, string? messageId, string reason, string exchange, string routingKey);

    [LoggerMessage(LogEvents.DuplicateAcknowledged, LogLevel.Debug, "Message '{MessageId}' of queue '{Queue}' was processed before; it was acknowledged without its handler")]
    internal static partial void DuplicateAcknowledged(ILogger logger, string queue, string messageId);

    [LoggerMessage(LogEvents.MessageBusy, LogLevel.Debug, "Message '{MessageId}' of queue '{Queue}' is being processed elsewhere; it is asked for again in {Delay}")]
    internal static partial void MessageBusy(ILogger logger, string queue, string messageId, TimeSpan delay);

    [LoggerMessage(LogEvents.IdempotenceStoreFailed, LogLevel.Error, "The idempotence store failed for message '{MessageId}' of queue '{Queue}'; the message stays unsettled and is tried again in {Delay}")]
    internal static partial void IdempotenceStoreFailed(ILogger logger, Exception error, string queue, string? messageId, TimeSpan delay);

    [LoggerMessage(LogEvents.ClaimLost, LogLevel.Warning, "The claim on message '{MessageId}' of queue '{Queue}' is lost: its lease was over and somebody else has the message; what its handler does may be done twice")]
    internal static partial void ClaimLost(ILogger logger, Exception? error, string queue, string? messageId);

    [LoggerMessage(LogEvents.ClaimNotRenewed, LogLevel.Warning, "The claim on message '{MessageId}' of queue '{Queue}' could not be renewed; it is tried again")]
    internal static partial void ClaimNotRenewed(ILogger logger, Exception error, string queue, string messageId);

    [LoggerMessage(LogEvents.ClaimNotEnded, LogLevel.Warning, "The claim on message '{MessageId}' of queue '{Queue}' could not be given up; it ends with its lease")]
    internal static partial void ClaimNotEnded(ILogger logger, Exception error, string queue, string messageId);

    [LoggerMessage(LogEvents.ScopeEndFailed, LogLevel.Error, "A service of the scope of message '{MessageId}' of queue '{Queue}' failed at its end")]
    internal static partial void ScopeEndFailed(ILogger logger, Exception error, string queue, string? messageId);

    [LoggerMessage(LogEvents.ResponseDropped, LogLevel.Warning, "The answer to message '{MessageId}' of queue '{Queue}' was dropped: {Reason}")]
    internal static partial void ResponseDropped(ILogger logger, string queue, string? messageId, string reason);

    [LoggerMessage(LogEvents.FaultNotSent, LogLevel.Warning, "The sender of request '{MessageId}' of queue '{Queue}' could not be told of its failure")]
    internal static partial void FaultNotSent(ILogger logger, Exception? error, string queue, string? messageId);

    [LoggerMessage(LogEvents.ReplyUnexpected, LogLevel.Debug, "A reply with correlation id '{CorrelationId}' came for which nobody waits")]
    internal static partial void ReplyUnexpected(ILogger logger, string? correlationId);

    [LoggerMessage(LogEvents.ReplyChannelLost, LogLevel.Warning, "The channel for replies was lost: {Reason}. {Requests} requests that waited on it failed")]
    internal static partial void ReplyChannelLost(ILogger logger, string reason, int requests);

    [LoggerMessage(LogEvents.GaugesFailed, LogLevel.Debug, "The counts of broker '{Broker}' could not be read")]
    internal static partial void GaugesFailed(ILogger logger, Exception error, string broker);
}
