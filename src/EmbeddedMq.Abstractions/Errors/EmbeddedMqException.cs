namespace EmbeddedMq;

/// <summary>The root of everything that a broker's contracts throw beside the BCL's exceptions for misuse.</summary>
/// <remarks><see cref="Exception.Message"/> says what happened, to which object, and what to do; <see cref="ReplyText"/> is the literal text of the protocol.</remarks>
public class EmbeddedMqException : Exception
{
    /// <summary>Makes an error.</summary>
    /// <param name="replyCode">The AMQP reply code that belongs to it.</param>
    /// <param name="replyText">The literal reply text, with the code's constant in front.</param>
    /// <param name="advice">What to do about it, as a sentence; <see langword="null"/> for none.</param>
    /// <param name="subject">The queue, exchange, channel or connection that it is about.</param>
    /// <param name="isTransient">Whether the same call may succeed later, unchanged.</param>
    /// <param name="innerException">Its cause.</param>
    public EmbeddedMqException(
        ReplyCode replyCode, string replyText, string? advice = null, string? subject = null, bool isTransient = false, Exception? innerException = null)
        : base(advice is null ? replyText : replyText.EndsWith('.') ? $"{replyText} {advice}" : $"{replyText}. {advice}", innerException)
    {
        ReplyCode = replyCode;
        ReplyText = replyText;
        Subject = subject;
        IsTransient = isTransient;
    }

    /// <summary>The AMQP reply code.</summary>
    public ReplyCode ReplyCode { get; }

    /// <summary>The literal reply text, as it would be sent: <c>NOT_FOUND - no queue 'q' in vhost '/'</c>.</summary>
    public string ReplyText { get; }

    /// <summary>The name of the queue, exchange, channel or connection that it is about, where there is one.</summary>
    public string? Subject { get; }

    /// <summary>Whether the same call may succeed later, unchanged.</summary>
    public bool IsTransient { get; }
}
