namespace EmbeddedMq.Errors;

/// <content>Errors of delayed second confirmation.</content>
internal static partial class MqErrors
{
    /// <summary>What came to a check service is neither check nor confirmation.</summary>
    internal static InvalidOperationException NotACheck(string? messageId)
        => new($"Message '{messageId}' is neither a check nor a confirmation. Let nobody else publish to this queue.");

    /// <summary>A check was returned or rejected, so its message was not sent.</summary>
    internal static PublishException CheckNotTaken(string queue, PublishResult result)
        => new(
            result,
            ReplyText(result.ReplyCode, $"the check of a message was {(result.Outcome == PublishOutcome.Returned ? "returned" : "rejected")} by queue '{queue}', and the message not sent"),
            "Declare the queue again, or make room in it; the start of an application that publishes checked messages declares it",
            "",
            queue);

    /// <summary>Somebody asks for a message's state before the store of marks was opened.</summary>
    internal static InvalidOperationException MarksNotOpen()
        => new("What idempotent consumers and checks know can be asked once they have been started. Start the host first.");

    /// <summary>An application's check handler gave null.</summary>
    internal static InvalidOperationException NoCheckAnswer(Type type)
        => new($"The check handler for {type.Name} answered nothing. Give CheckAnswer.Resend(message) or CheckAnswer.Settled<{type.Name}>().");

    /// <summary>Another process answered a check with something else than an answer.</summary>
    internal static InvalidOperationException UnknownCheckAnswer(string queue, object? answer)
        => new($"The answer '{answer}' from queue '{queue}' is no answer to a check. Let the queue be answered with Checks(c => c.Answer<T>(…)).");
}
