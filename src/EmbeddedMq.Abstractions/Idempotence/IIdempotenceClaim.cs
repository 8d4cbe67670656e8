namespace EmbeddedMq;

/// <summary>The answer to a <see cref="ClaimRequest"/>; where it was granted, the right to process the message.</summary>
/// <remarks>
/// <para>Disposing one that was not completed gives it up: whatever the store has begun for it is undone, and the next delivery is granted at once.</para>
/// <para>For use by one caller at a time, except <see cref="RenewAsync"/>, which may run beside the handler.</para>
/// </remarks>
public interface IIdempotenceClaim : IAsyncDisposable
{
    /// <summary>Whether it was granted, and if not, why.</summary>
    ClaimOutcome Outcome { get; }

    /// <summary>For <see cref="ClaimOutcome.Busy"/>: after how long asking again makes sense; zero otherwise.</summary>
    TimeSpan RetryAfter { get; }

    /// <summary>Whether the handler's outgoing messages become part of the completion. Where not, the caller publishes them before it completes.</summary>
    bool TakesOutgoing { get; }

    /// <summary>Whether it works with a service of the message's scope, such as the handler's transaction, and so has to be completed before the scope ends.
    /// Where not, the scope ends first, because what its services do at their end belongs to handling the message. Default no.</summary>
    bool LivesInScope => false;

    /// <summary>Whether what it holds by is gone, as the connection of the transaction that the handler works in. Whatever the handler fails with then is
    /// nobody's attempt: the message is handled again when the store is back. Where that happens to a message more than five times, its handler is what breaks
    /// it, and its attempts count. Default no.</summary>
    bool IsBroken => false;

    /// <summary>Prolongs the claim by its lease.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns><see langword="false"/>: somebody else has it by now, and completing will fail.</returns>
    ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default);

    /// <summary>Remembers the message as processed, together with what the handler sends: all of it or nothing.</summary>
    /// <param name="outgoing">What the handler sends, in order; empty where <see cref="TakesOutgoing"/> is <see langword="false"/>.</param>
    /// <param name="cancellationToken">Stops the waiting; it may take effect all the same.</param>
    /// <returns>Whether the delivery was acknowledged as part of it; if not, the caller acknowledges it now.</returns>
    /// <exception cref="ArgumentException">What the handler sends cannot be taken, for example because an id is in the outbox already.</exception>
    /// <exception cref="ClaimLostException">The lease was over and somebody else has claimed or processed the message. Nothing was remembered or sent.</exception>
    /// <exception cref="PublishException">A mandatory message finds no queue, or a full queue refuses one, where the store itself publishes. As if the
    /// handler's publish had failed: nothing was remembered or sent, and the claim still holds.</exception>
    /// <exception cref="ChannelException">A message or its exchange is not as AMQP has it, where the store itself publishes. Likewise; the channel stays open.</exception>
    ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default);

    /// <summary>Whether an error of <see cref="CompleteAsync"/> is the handler's: the store is well, and refuses what the handler did or sends. Its attempt has
    /// failed then, and the consumer's retry rules apply. Any other error is nobody's attempt: the message is handled again when the store is back.</summary>
    /// <param name="error">The error; asked before the claim is disposed.</param>
    /// <returns>Default: whether it is an <see cref="ArgumentException"/>, a <see cref="PublishException"/> or a <see cref="ChannelException"/>.</returns>
    bool IsRefusal(Exception error) => error is ArgumentException or PublishException or ChannelException;

    /// <summary>Notes for whoever asks (<see cref="IIdempotenceStore.FindAsync"/>) that the message was given up; where the claim was lost, nothing. A later
    /// delivery may claim it again, also with another fingerprint: it took no effect, so it may come corrected.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask FailAsync(CancellationToken cancellationToken = default);
}
