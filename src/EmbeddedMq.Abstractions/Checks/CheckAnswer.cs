namespace EmbeddedMq;

/// <summary>Makes the answers of an <see cref="ICheckHandler{T}"/>.</summary>
public static class CheckAnswer
{
    /// <summary>The message is sent again, under its id, and checked again.</summary>
    /// <typeparam name="T">The message's type.</typeparam>
    /// <param name="message">What is sent: as before, for consumers know it by its id.</param>
    public static CheckAnswer<T> Resend<T>(T message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return new CheckAnswer<T>(isResend: true, message);
    }

    /// <summary>Nothing more is to be done: the business change did not happen and never will, was taken back, or is known to have arrived.</summary>
    /// <remarks>A producer that publishes before it commits may be asked in between. It throws then, and is asked again.</remarks>
    /// <typeparam name="T">The message's type.</typeparam>
    public static CheckAnswer<T> Settled<T>() => new(isResend: false, default);
}
