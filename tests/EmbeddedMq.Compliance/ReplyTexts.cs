namespace EmbeddedMq.Compliance;

/// <summary>The reply texts as RabbitMQ writes them, put together independently of the broker under test.</summary>
internal static class ReplyTexts
{
    /// <summary>A text behind its constant: <c>NOT_FOUND - no queue 'q' in vhost '/'</c>.</summary>
    /// <param name="code">The reply code.</param>
    /// <param name="text">The text.</param>
    internal static string Full(ReplyCode code, string text) => $"{Constant(code)} - {text}";

    private static string Constant(ReplyCode code) => code switch
    {
        ReplyCode.ConnectionForced => "CONNECTION_FORCED",
        ReplyCode.AccessRefused => "ACCESS_REFUSED",
        ReplyCode.NotFound => "NOT_FOUND",
        ReplyCode.ResourceLocked => "RESOURCE_LOCKED",
        ReplyCode.PreconditionFailed => "PRECONDITION_FAILED",
        ReplyCode.CommandInvalid => "COMMAND_INVALID",
        ReplyCode.ChannelError => "CHANNEL_ERROR",
        ReplyCode.NotAllowed => "NOT_ALLOWED",
        ReplyCode.NotImplemented => "NOT_IMPLEMENTED",
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "No test expects this code yet."),
    };
}
