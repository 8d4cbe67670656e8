namespace EmbeddedMq;

/// <summary>The headers that typed publishing and consuming read and write.</summary>
public static class MessageHeaders
{
    /// <summary>How many attempts at handling have failed: an integer from 1. On messages in retry queues and on dead-lettered ones.</summary>
    public const string FailedAttempts = "x-mq-failed-attempts";

    /// <summary>The exchange that the message was first published to. On copies in retry, defer and dead-letter queues.</summary>
    public const string OriginalExchange = "x-mq-original-exchange";

    /// <summary>The routing key that the message was first published with. On copies in retry, defer and dead-letter queues.</summary>
    public const string OriginalRoutingKey = "x-mq-original-routing-key";

    /// <summary>The queue that the message was consumed from. On dead-lettered messages.</summary>
    public const string Queue = "x-mq-queue";

    /// <summary>Why the message was dead-lettered: <see cref="ReasonFailed"/>, <see cref="ReasonUnreadable"/>, <see cref="ReasonConflict"/>, <see cref="ReasonNoMessageId"/>, or the handler's own words.</summary>
    public const string Reason = "x-mq-reason";

    /// <summary>Full name of the last error's type.</summary>
    public const string ErrorType = "x-mq-error-type";

    /// <summary>The last error's message, cut at 2,000 characters.</summary>
    public const string ErrorMessage = "x-mq-error-message";

    /// <summary>When it was dead-lettered: a timestamp, whole seconds.</summary>
    public const string DeadLetteredAt = "x-mq-dead-lettered-at";

    /// <summary>On a reply: full name of the error's type; the request failed. Its message is in <see cref="ErrorMessage"/>, and the body is empty.</summary>
    public const string Fault = "x-mq-fault";

    /// <summary>The value <c>failed</c> of <see cref="Reason"/>: the handler threw more often than its retry rules allow.</summary>
    public const string ReasonFailed = "failed";

    /// <summary>The value <c>unreadable</c> of <see cref="Reason"/>: the serializer could not read the body.</summary>
    public const string ReasonUnreadable = "unreadable";

    /// <summary>The value <c>conflict</c> of <see cref="Reason"/>: a message of this id was processed that said something else.</summary>
    public const string ReasonConflict = "conflict";

    /// <summary>The value <c>no message id</c> of <see cref="Reason"/>: the consumer is idempotent, and nothing tells the message from others.</summary>
    public const string ReasonNoMessageId = "no message id";

    /// <summary>W3C trace context: version, trace id, parent id, flags.</summary>
    public const string TraceParent = "traceparent";

    /// <summary>W3C trace context: vendors' own state.</summary>
    public const string TraceState = "tracestate";
}
