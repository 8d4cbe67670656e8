namespace EmbeddedMq;

/// <summary>Tells how far a message is, by its id.</summary>
/// <remarks>
/// <para>It asks the outbox, the marks of the idempotent consumers and those of the check service, as far as this process has them. What none of
/// them keeps, or keeps no longer, is unknown: a message that was published at once and is handled by a consumer that is not idempotent leaves no trace.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public interface IMessageStates
{
    /// <summary>Looks a message up.</summary>
    /// <param name="messageId">Its id: the property message-id, or what idempotent consumers take instead.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>What is known; stage <see cref="MessageStage.Unknown"/> where nothing is.</returns>
    /// <exception cref="InvalidOperationException">Marks are asked for before the consumers have been started.</exception>
    /// <exception cref="Exception">A store cannot be reached or failed.</exception>
    ValueTask<MessageState> FindAsync(string messageId, CancellationToken cancellationToken = default);
}
