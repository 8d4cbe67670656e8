namespace EmbeddedMq;

/// <summary>The headers that typed publishing and consuming read and write.</summary>
public static class MessageHeaders
{
    /// <summary>How many attempts at handling have failed: an integer from 1. On messages in retry queues and on dead-lettered ones.</summary>
    /// <remarks>It counts on: a dead letter that is published again with it is given up at its next failure. Take it out
    /// (<see cref="HeaderTable.Without"/>) to have all attempts anew.</remarks>
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

    /// <summary>The queue of the check service, which wants to be told when the message was processed. On messages that are checked.</summary>
    public const string CheckQueue = "x-mq-check-queue";

    /// <summary>After how many milliseconds the message is checked: an integer. On messages that are checked, and on checks.</summary>
    public const string CheckDelay = "x-mq-check-delay";

    /// <summary>How often the message has been sent: an integer from 1. On messages that are checked, and on checks.</summary>
    public const string CheckAttempt = "x-mq-check-attempt";

    /// <summary>The id of the message that is concerned. On checks and confirmations.</summary>
    public const string CheckMessageId = "x-mq-check-message-id";

    /// <summary>The property type of the message that is concerned. On checks.</summary>
    public const string CheckMessageType = "x-mq-check-message-type";

    /// <summary>What the producer answered to a check: <c>resent</c> or <c>settled</c>. On its reply.</summary>
    public const string CheckOutcome = "x-mq-check-answer";

    /// <summary>W3C trace context: version, trace id, parent id, flags.</summary>
    public const string TraceParent = "traceparent";

    /// <summary>W3C trace context: vendors' own state.</summary>
    public const string TraceState = "tracestate";
}
