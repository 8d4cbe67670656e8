using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Configuration;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Checks;

/// <summary>The messages of delayed second confirmation. They consist of headers, so that they depend on no serializer.</summary>
/// <remarks>
/// <code>
/// message        x-mq-check-queue, -delay, -attempt beside what the application says
/// check          the same, x-mq-check-message-id, -message-type, x-mq-original-exchange, -routing-key; timestamp: when it was sent
/// confirmation   x-mq-check-message-id, x-mq-queue: who has processed it
/// question       as the check, with reply-to          answer   x-mq-check-answer
/// </code>
/// </remarks>
internal static class CheckMessages
{
    /// <summary>The value of <see cref="MessageHeaders.CheckOutcome"/> for a message that was sent again.</summary>
    internal const string Resent = "resent";

    /// <summary>The value of <see cref="MessageHeaders.CheckOutcome"/> for a message about which nothing is to be done.</summary>
    internal const string Settled = "settled";

    private const string CheckType = "embeddedmq.check";
    private const string ConfirmationType = "embeddedmq.check.confirmation";
    private const string AnswerType = "embeddedmq.check.answer";

    /// <summary>Whether a message is one that is checked.</summary>
    /// <param name="message">The message.</param>
    internal static bool IsChecked(Message message) => message.Properties.Headers is { } headers && headers.ContainsKey(MessageHeaders.CheckQueue);

    /// <summary>Marks a message as one that is checked.</summary>
    /// <param name="headers">Its headers.</param>
    /// <param name="queue">The check service's queue.</param>
    /// <param name="delay">After how long it is checked.</param>
    /// <param name="attempt">How often it will have been sent.</param>
    internal static HeaderTable Mark(HeaderTable? headers, string queue, TimeSpan delay, int attempt) => (headers ?? HeaderTable.Empty)
        .With(MessageHeaders.CheckQueue, queue)
        .With(MessageHeaders.CheckDelay, (long)delay.TotalMilliseconds)
        .With(MessageHeaders.CheckAttempt, attempt);

    /// <summary>Takes such a mark away: an application that passes a message's headers on does not ask for a check.</summary>
    /// <param name="headers">The headers.</param>
    internal static HeaderTable? Unmark(HeaderTable? headers) => headers is null || !headers.ContainsKey(MessageHeaders.CheckQueue)
        ? headers
        : headers.Without(MessageHeaders.CheckQueue).Without(MessageHeaders.CheckDelay).Without(MessageHeaders.CheckAttempt);

    /// <summary>Makes the check of a message that is checked, to be published before it.</summary>
    /// <param name="exchange">Where the message goes.</param>
    /// <param name="routingKey">Its routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="now">The time.</param>
    internal static Outgoing CheckOf(string exchange, string routingKey, Message message, DateTimeOffset now)
    {
        MessageProperties properties = message.Properties;
        string queue = (string)message.Headers[MessageHeaders.CheckQueue]!;
        TimeSpan delay = DelayOf(message.Headers);
        HeaderTable headers = Mark(null, queue, delay, AttemptOf(message.Headers))
            .With(MessageHeaders.CheckMessageId, properties.MessageId)
            .With(MessageHeaders.CheckMessageType, properties.Type)
            .With(MessageHeaders.OriginalExchange, exchange)
            .With(MessageHeaders.OriginalRoutingKey, routingKey);
        return ToQueue(CheckPlan.WaitQueue(queue, delay), CheckType, headers, now);
    }

    /// <summary>Makes the confirmation of a message that was processed, or nothing for one that is not checked.</summary>
    /// <param name="message">The message.</param>
    /// <param name="consumed">The queue that it was consumed from.</param>
    /// <param name="now">The time.</param>
    internal static Outgoing? ConfirmationOf(Message message, string consumed, DateTimeOffset now)
        => message.Properties is { Headers: { } headers, MessageId: { } id } && headers.GetValueOrDefault(MessageHeaders.CheckQueue) is string queue
            ? ToQueue(queue, ConfirmationType, HeaderTable.Of(MessageHeaders.CheckMessageId, id).With(MessageHeaders.Queue, consumed), now)
            : null;

    /// <summary>Makes the question to a producer that another process runs.</summary>
    /// <param name="queue">The queue that it answers.</param>
    /// <param name="message">The check.</param>
    /// <param name="now">The time.</param>
    internal static Outgoing QuestionOf(string queue, CheckMessage message, DateTimeOffset now)
    {
        MessageCheck check = message.Check!;
        HeaderTable headers = Mark(null, message.Queue, message.Delay, check.Attempt)
            .With(MessageHeaders.CheckMessageId, check.MessageId)
            .With(MessageHeaders.CheckMessageType, check.MessageType)
            .With(MessageHeaders.OriginalExchange, check.Exchange)
            .With(MessageHeaders.OriginalRoutingKey, check.RoutingKey);
        Outgoing question = ToQueue(queue, CheckType, headers, now);
        return question with { Message = question.Message.WithProperties(question.Message.Properties with { Timestamp = check.SentAt }) };
    }

    /// <summary>Makes the answer to such a question.</summary>
    /// <param name="question">The question's properties.</param>
    /// <param name="isResent">What the producer did.</param>
    /// <param name="now">The time.</param>
    internal static Outgoing AnswerOf(MessageProperties question, bool isResent, DateTimeOffset now)
    {
        Outgoing answer = ToQueue(question.ReplyTo ?? "", AnswerType, HeaderTable.Of(MessageHeaders.CheckOutcome, isResent ? Resent : Settled), now);
        return answer with
        {
            Message = answer.Message.WithProperties(answer.Message.Properties with { CorrelationId = question.CorrelationId, DeliveryMode = DeliveryMode.Transient }),
        };
    }

    /// <summary>Reads a check, a confirmation or a question.</summary>
    /// <param name="message">The message.</param>
    /// <exception cref="InvalidOperationException">It is none.</exception>
    internal static CheckMessage Read(Message message)
    {
        HeaderTable headers = message.Headers;
        if (headers.GetValueOrDefault(MessageHeaders.CheckMessageId) is not string { Length: > 0 } id)
        {
            throw MqErrors.NotACheck(message.Properties.MessageId);
        }

        if (message.Properties.Type == ConfirmationType)
        {
            return new CheckMessage { MessageId = id, ConfirmedBy = headers.GetValueOrDefault(MessageHeaders.Queue) as string ?? "" };
        }

        return new CheckMessage
        {
            MessageId = id,
            Queue = headers.GetValueOrDefault(MessageHeaders.CheckQueue) as string ?? throw MqErrors.NotACheck(id),
            Delay = DelayOf(headers),
            Check = new MessageCheck
            {
                MessageId = id,
                MessageType = headers.GetValueOrDefault(MessageHeaders.CheckMessageType) as string ?? "",
                Exchange = headers.GetValueOrDefault(MessageHeaders.OriginalExchange) as string ?? "",
                RoutingKey = headers.GetValueOrDefault(MessageHeaders.OriginalRoutingKey) as string ?? "",
                Attempt = AttemptOf(headers),
                SentAt = message.Properties.Timestamp ?? default,
            },
        };
    }

    private static TimeSpan DelayOf(HeaderTable headers)
        => HeaderTable.TryGetInteger(headers.GetValueOrDefault(MessageHeaders.CheckDelay), out long milliseconds) && milliseconds > 0
            ? TimeSpan.FromMilliseconds(milliseconds)
            : throw MqErrors.NotACheck(headers.GetValueOrDefault(MessageHeaders.CheckMessageId) as string);

    private static int AttemptOf(HeaderTable headers)
        => HeaderTable.TryGetInteger(headers.GetValueOrDefault(MessageHeaders.CheckAttempt), out long attempt) ? (int)Math.Clamp(attempt, 1, int.MaxValue) : 1;

    private static Outgoing ToQueue(string queue, string type, HeaderTable headers, DateTimeOffset now)
    {
        MessageProperties properties = new() { Type = type, DeliveryMode = DeliveryMode.Persistent, Timestamp = now, Headers = headers };
        return new Outgoing("", queue, Message.TakeOwnership(ReadOnlyMemory<byte>.Empty, properties), PublishFlags.Mandatory);
    }
}
