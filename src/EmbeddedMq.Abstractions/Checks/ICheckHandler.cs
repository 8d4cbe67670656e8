namespace EmbeddedMq;

/// <summary>Answers for the producer of a type of messages: is asked about each whose processing nobody has confirmed in time. One is resolved per question, in a scope of its own.</summary>
/// <typeparam name="T">The messages' type.</typeparam>
/// <remarks>It may be asked more than once about a message, also about one that is being processed at this moment: consumers are to be idempotent.</remarks>
public interface ICheckHandler<T>
{
    /// <summary>Says what is to be done about a message: typically, looks up by its id whether the business change was made, and makes the message anew.</summary>
    /// <param name="check">The message.</param>
    /// <param name="cancellationToken">Cancelled when the application stops; the question is asked again then.</param>
    /// <returns>Send it again, or not.</returns>
    /// <exception cref="Exception">Whatever it throws: the question is asked again as the retry rules say (<see cref="ICheckBuilder.Retry"/>).</exception>
    ValueTask<CheckAnswer<T>> CheckAsync(MessageCheck check, CancellationToken cancellationToken);
}
