namespace EmbeddedMq.Errors;

/// <summary>Every error text of the broker, one file per area.</summary>
/// <remarks>
/// <para>An error has two parts: the reply text, which is RabbitMQ's to the letter with the constant's name in front, and an advice of our
/// own that says what to do. Applications compare the first and read the second; tests assert both.</para>
/// <para>The methods return the exception and leave the throwing to the caller, so that control flow stays visible where it happens.</para>
/// </remarks>
internal static partial class MqErrors
{
    /// <summary>The name of a reply code as AMQP 0-9-1 §1.2 and RabbitMQ write it, for example <c>NOT_FOUND</c>.</summary>
    /// <param name="replyCode">The code.</param>
    internal static string ConstantOf(ReplyCode replyCode) => replyCode switch
    {
        ReplyCode.Success => "REPLY_SUCCESS",
        ReplyCode.ContentTooLarge => "CONTENT_TOO_LARGE",
        ReplyCode.NoRoute => "NO_ROUTE",
        ReplyCode.NoConsumers => "NO_CONSUMERS",
        ReplyCode.ConnectionForced => "CONNECTION_FORCED",
        ReplyCode.InvalidPath => "INVALID_PATH",
        ReplyCode.AccessRefused => "ACCESS_REFUSED",
        ReplyCode.NotFound => "NOT_FOUND",
        ReplyCode.ResourceLocked => "RESOURCE_LOCKED",
        ReplyCode.PreconditionFailed => "PRECONDITION_FAILED",
        ReplyCode.FrameError => "FRAME_ERROR",
        ReplyCode.SyntaxError => "SYNTAX_ERROR",
        ReplyCode.CommandInvalid => "COMMAND_INVALID",
        ReplyCode.ChannelError => "CHANNEL_ERROR",
        ReplyCode.UnexpectedFrame => "UNEXPECTED_FRAME",
        ReplyCode.ResourceError => "RESOURCE_ERROR",
        ReplyCode.NotAllowed => "NOT_ALLOWED",
        ReplyCode.NotImplemented => "NOT_IMPLEMENTED",
        ReplyCode.InternalError => "INTERNAL_ERROR",
        _ => throw new ArgumentOutOfRangeException(nameof(replyCode), replyCode, "Not a reply code."),
    };

    /// <summary>A reply text with its prefix: <c>NOT_FOUND - no queue 'q' in vhost '/'</c>.</summary>
    /// <param name="replyCode">The code.</param>
    /// <param name="text">The text after the prefix.</param>
    internal static string ReplyText(ReplyCode replyCode, string text) => $"{ConstantOf(replyCode)} - {text}";

    /// <summary>How RabbitMQ names a queue in a reply text: <c>queue 'q' in vhost '/'</c>.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue.</param>
    internal static string QueueIn(string virtualHost, string queue) => $"queue '{queue}' in vhost '{virtualHost}'";

    /// <summary>How RabbitMQ names an exchange in a reply text: <c>exchange 'x' in vhost '/'</c>.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="exchange">The exchange.</param>
    internal static string ExchangeIn(string virtualHost, string exchange) => $"exchange '{exchange}' in vhost '{virtualHost}'";

    /// <summary>Makes an error that closes a channel.</summary>
    /// <param name="replyCode">The code; of the soft ones (311 to 313, 403 to 406).</param>
    /// <param name="text">The literal text, without the prefix.</param>
    /// <param name="advice">What to do, as a sentence.</param>
    /// <param name="subject">The name of the queue or exchange that it is about.</param>
    /// <param name="isTransient">Whether the same call may succeed later.</param>
    internal static ChannelException Channel(ReplyCode replyCode, string text, string advice, string? subject = null, bool isTransient = false)
        => new(replyCode, ReplyText(replyCode, text), advice, subject, isTransient);

    /// <summary>Makes an error that closes a connection.</summary>
    /// <param name="replyCode">The code; of the hard ones (320, 402, 501 to 541).</param>
    /// <param name="text">The literal text, without the prefix.</param>
    /// <param name="advice">What to do, as a sentence.</param>
    /// <param name="subject">The name of the object that it is about.</param>
    /// <param name="isTransient">Whether the same call may succeed later.</param>
    internal static ConnectionException Connection(ReplyCode replyCode, string text, string advice, string? subject = null, bool isTransient = false)
        => new(replyCode, ReplyText(replyCode, text), advice, subject, isTransient);

    /// <summary>Makes an error of a call that belongs to no channel and no connection, such as setting a policy; it closes nothing.</summary>
    /// <param name="replyCode">The code.</param>
    /// <param name="text">The literal text, without the prefix.</param>
    /// <param name="advice">What to do, as a sentence.</param>
    /// <param name="subject">The name of the object that it is about.</param>
    internal static EmbeddedMqException Management(ReplyCode replyCode, string text, string advice, string? subject = null)
        => new(replyCode, ReplyText(replyCode, text), advice, subject);
}
