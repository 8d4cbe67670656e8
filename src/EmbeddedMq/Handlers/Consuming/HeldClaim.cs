using System.Runtime.CompilerServices;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>A claim in the hands of a handler: what it publishes is held, and the claim is renewed, until one of the two ends.</summary>
/// <param name="claim">The claim; granted.</param>
/// <param name="request">What was asked for: one object, whose key is referred to rather than held once more.</param>
/// <param name="renewal">Renews it.</param>
/// <param name="publisher">Prepares what the handler publishes.</param>
/// <param name="confirmation">Tells a check service that the message was processed, as part of the completion where the claim can; <see langword="null"/> for none.</param>
/// <remarks>For use by one caller at a time; <see cref="ClaimRenewal"/> works on it beside that.</remarks>
internal sealed class HeldClaim(IIdempotenceClaim claim, ClaimRequest request, ClaimRenewal renewal, Publisher publisher, OutboxMessage? confirmation)
{
    private HeldMessages? _messages;

    /// <summary>The claim.</summary>
    public IIdempotenceClaim Claim => claim;

    /// <summary>The message.</summary>
    public IdempotenceKey Key => request.Key;

    /// <summary>Where the handler publishes to: the same for all of its threads.</summary>
    public IPublisher Publisher => _messages ?? Interlocked.CompareExchange(ref _messages, new HeldMessages(publisher, request.Key), null) ?? _messages;

    /// <summary>Whether the message is remembered as processed.</summary>
    public bool IsCompleted { get; private set; }

    /// <summary>Whether the delivery was acknowledged with that.</summary>
    public bool IsAcknowledged { get; private set; }

    /// <summary>Why the store could not complete it, or what the handler failed with when the store had lost it; <see langword="null"/> for neither. What it refuses of the handler's doings is the handler's error, and not here.</summary>
    public Exception? StoreError { get; private set; }

    /// <summary>Its neighbour in the list of <see cref="ClaimRenewal"/>, which guards it.</summary>
    internal HeldClaim? Previous { get; set; }

    /// <summary>Its neighbour in the list of <see cref="ClaimRenewal"/>, which guards it.</summary>
    internal HeldClaim? Next { get; set; }

    /// <summary>At which tick of <see cref="ClaimRenewal"/>, which guards it, it was claimed or renewed last.</summary>
    internal long RenewedAt { get; set; }

    /// <summary>Completes with the renewal that is under way; <see langword="null"/> for none. Guarded by <see cref="ClaimRenewal"/>.</summary>
    internal TaskCompletionSource? Renewing { get; set; }

    /// <summary>Sends what the handler published, as part of the completion where the claim can, and has the message remembered as processed.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="PublishException">A message could not be sent; the claim holds still.</exception>
    /// <remarks>Once it has succeeded it does nothing.</remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        if (IsCompleted)
        {
            return;
        }

        IReadOnlyList<OutboxMessage> outgoing = _messages?.Close() ?? [];
        if (outgoing.Count > 0 && !claim.TakesOutgoing)
        {
            await _messages!.SendAsync(outgoing, cancellationToken).ConfigureAwait(false);
            outgoing = [];
        }

        if (claim.TakesOutgoing && (outgoing.Count > 0 || confirmation is not null))
        {
            outgoing = [.. outgoing.SelectMany(publisher.WithCheck), .. confirmation is null ? Enumerable.Empty<OutboxMessage>() : [confirmation]];
        }

        await renewal.RemoveAsync(this).ConfigureAwait(false);
        try
        {
            IsAcknowledged = await claim.CompleteAsync(outgoing, cancellationToken).ConfigureAwait(false);
            IsCompleted = true;
            StoreError = null;
        }
        catch (Exception error)
        {
            StoreError = claim.IsRefusal(error) ? null : error;
            throw;
        }

        try
        {
            await claim.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The message is remembered; what a store still had to release for it is the store's, and must not keep the delivery from being acknowledged.
        }
    }

    /// <summary>Lays what the handler failed with to the store where the claim is broken. Before the claim ends.</summary>
    /// <param name="failure">What it threw.</param>
    /// <returns>Whether it is.</returns>
    public bool TryBlameStore(Exception failure)
    {
        if (IsCompleted || !claim.IsBroken)
        {
            return false;
        }

        StoreError = failure;
        return true;
    }

    /// <summary>Ends the claim: gives it up unless it was completed. A store that fails at it is left to the end of the lease.</summary>
    /// <param name="hasFailed">Whether to note that the message was given up.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Why the store failed, or <see langword="null"/>.</returns>
    public async ValueTask<Exception?> EndAsync(bool hasFailed, CancellationToken cancellationToken)
    {
        Exception? failure = null;
        _messages?.Close();
        await renewal.RemoveAsync(this).ConfigureAwait(false);
        if (hasFailed && !IsCompleted)
        {
            try
            {
                await claim.FailAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                failure = error;
            }
        }

        try
        {
            await claim.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            failure ??= error;
        }

        return failure;
    }
}
