namespace EmbeddedMq;

/// <summary>Where messages are kept from the moment the application hands them over until a broker has confirmed them.</summary>
/// <remarks>
/// <para>Several relays may work on one store, in one process or many: a message is in the hands of one of them at a time.</para>
/// <para>A message leaves only by <see cref="ConfirmAsync"/> and <see cref="DiscardAsync"/>. Confirmed ones may be kept for a while so that
/// <see cref="FindAsync"/> can tell.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public interface IOutboxStore
{
    /// <summary>Stores messages: all of them or none, in this order.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="cancellationToken">Stops the waiting; they may be stored all the same.</param>
    /// <exception cref="ArgumentException">An id is in the outbox already.</exception>
    ValueTask AddAsync(IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken = default);

    /// <summary>Takes messages that are due, the oldest first, and of each <see cref="OutboxMessage.OrderKey"/> only what may be sent now; each is
    /// <see cref="OutboxStatus.Sent"/> from then on, with one attempt more.</summary>
    /// <param name="max">At most so many; 1 or more.</param>
    /// <param name="lease">For how long they are the caller's; then others may take them. More than zero.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>What was taken; empty where nothing is due.</returns>
    /// <remarks>Of one order key several may come at once: the caller sends them in this order, and none before the one ahead of it was confirmed.</remarks>
    ValueTask<IReadOnlyList<OutboxEntry>> TakeAsync(int max, TimeSpan lease, CancellationToken cancellationToken = default);

    /// <summary>Notes that the broker has confirmed messages.</summary>
    /// <param name="entries">What <see cref="TakeAsync"/> gave. One that somebody else has taken since is left alone.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask ConfirmAsync(IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken = default);

    /// <summary>Puts a message back to be sent later.</summary>
    /// <param name="entry">What <see cref="TakeAsync"/> gave. One that somebody else has taken since is left alone.</param>
    /// <param name="error">Why it could not be sent; <see langword="null"/>: it was not tried, and the attempt does not count.</param>
    /// <param name="delay">After how long it is due; zero or more.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask PostponeAsync(OutboxEntry entry, string? error, TimeSpan delay, CancellationToken cancellationToken = default);

    /// <summary>Gives a message up: it stays, and nobody sends it until <see cref="RetryAsync"/>. Others of its order key wait behind it.</summary>
    /// <param name="entry">What <see cref="TakeAsync"/> gave. One that somebody else has taken since is left alone.</param>
    /// <param name="error">Why.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask FailAsync(OutboxEntry entry, string error, CancellationToken cancellationToken = default);

    /// <summary>Has a failed message sent again, with its attempts counted anew.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Whether there is a failed message of this id.</returns>
    ValueTask<bool> RetryAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Removes a failed message for good.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Whether there was a failed message of this id.</returns>
    ValueTask<bool> DiscardAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>A message by its id.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>It, or <see langword="null"/> where the store knows nothing of it, or no more. The body of a confirmed one may be gone (then it is empty).</returns>
    ValueTask<OutboxEntry?> FindAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>The messages of a status, the oldest first.</summary>
    /// <param name="status">The status.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    IAsyncEnumerable<OutboxEntry> ListAsync(OutboxStatus status, CancellationToken cancellationToken = default);

    /// <summary>How many messages there are of each status that is kept.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken = default);

    /// <summary>Waits until <see cref="TakeAsync"/> may give something, as far as this store can know: a message was stored through it, or one has become due.</summary>
    /// <param name="limit">Completes after that at the latest, for what others have stored in a shared place.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask WaitAsync(TimeSpan limit, CancellationToken cancellationToken = default);
}
