using System.Runtime.ExceptionServices;

namespace EmbeddedMq.Idempotence;

/// <summary>A claim on a message that has moved, held in the shards where instances of the layouts concerned look for it.</summary>
/// <param name="claims">The granted claims. The first is the one that counts: all instances look there, so what was completed there is processed.</param>
internal sealed class ShardedClaim(IReadOnlyList<IIdempotenceClaim> claims) : IIdempotenceClaim
{
    /// <inheritdoc/>
    public ClaimOutcome Outcome => ClaimOutcome.Claimed;

    /// <inheritdoc/>
    public TimeSpan RetryAfter => TimeSpan.Zero;

    /// <inheritdoc/>
    public bool TakesOutgoing => claims[0].TakesOutgoing;

    /// <inheritdoc/>
    public bool LivesInScope => claims[0].LivesInScope;

    /// <inheritdoc/>
    public bool IsBroken => claims[0].IsBroken;

    /// <inheritdoc/>
    public bool IsRefusal(Exception error) => claims[0].IsRefusal(error); // what the others throw stays in here

    /// <inheritdoc/>
    public async ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default)
    {
        bool isHeld = true;
        foreach (IIdempotenceClaim claim in claims)
        {
            isHeld &= await claim.RenewAsync(cancellationToken).ConfigureAwait(false);
        }

        return isHeld;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
    {
        bool isAcknowledged = await claims[0].CompleteAsync(outgoing, cancellationToken).ConfigureAwait(false);
        foreach (IIdempotenceClaim claim in claims.Skip(1))
        {
            try
            {
                await claim.CompleteAsync([], cancellationToken).ConfigureAwait(false);
            }
            catch (Exception)
            {
                // The message is processed, and to say otherwise would have it handled again. Whoever asks this shard asks the first one too.
            }
        }

        return isAcknowledged;
    }

    /// <inheritdoc/>
    public async ValueTask FailAsync(CancellationToken cancellationToken = default)
    {
        foreach (IIdempotenceClaim claim in claims)
        {
            await claim.FailAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // Each of them, whatever the others throw: one that is a transaction would stay open for good.
        ExceptionDispatchInfo? failure = null;
        for (int i = claims.Count - 1; i >= 0; i--)
        {
            try
            {
                await claims[i].DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception error)
            {
                failure ??= ExceptionDispatchInfo.Capture(error);
            }
        }

        failure?.Throw();
    }
}
