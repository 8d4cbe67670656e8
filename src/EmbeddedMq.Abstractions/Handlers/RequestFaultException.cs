namespace EmbeddedMq;

/// <summary>The handler of a request failed for good, or could not read it.</summary>
/// <param name="errorType">Full name of the error's type on the handler's side.</param>
/// <param name="errorMessage">The error's message there.</param>
/// <param name="subject">Where the request was sent: the queue or exchange.</param>
public sealed class RequestFaultException(string errorType, string errorMessage, string subject)
    : EmbeddedMqException(
        ReplyCode.InternalError,
        $"INTERNAL_ERROR - the handler of the request to '{subject}' failed with {errorType}: {errorMessage}",
        "See the handler's log; the request itself is in the dead-letter destination of its consumer",
        subject)
{
    /// <summary>Full name of the error's type on the handler's side.</summary>
    public string ErrorType { get; } = errorType;

    /// <summary>The error's message on the handler's side.</summary>
    public string ErrorMessage { get; } = errorMessage;
}
