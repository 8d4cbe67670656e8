namespace EmbeddedMq;

/// <summary>What a producer says about a message whose processing nobody has confirmed. Immutable; made by <see cref="CheckAnswer"/>.</summary>
/// <typeparam name="T">The message's type.</typeparam>
public sealed class CheckAnswer<T>
{
    internal CheckAnswer(bool isResend, T? message)
    {
        IsResend = isResend;
        Message = message;
    }

    /// <summary>Whether it is sent again.</summary>
    public bool IsResend { get; }

    /// <summary>What is sent again.</summary>
    public T? Message { get; }
}
