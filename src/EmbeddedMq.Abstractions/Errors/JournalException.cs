namespace EmbeddedMq;

/// <summary>The broker's store could not be opened, written or read.</summary>
/// <param name="replyText">The literal reply text, with the code's constant in front.</param>
/// <param name="advice">What to do about it, as a sentence.</param>
/// <param name="subject">The path of the file or directory that it is about.</param>
/// <param name="isTransient">Whether the same call may succeed later, unchanged: when the disk has room again, or the other process has ended.</param>
/// <param name="innerException">What the operating system said.</param>
public sealed class JournalException(
    string replyText, string? advice = null, string? subject = null, bool isTransient = false, Exception? innerException = null)
    : EmbeddedMqException(ReplyCode.ResourceError, replyText, advice, subject, isTransient, innerException);
