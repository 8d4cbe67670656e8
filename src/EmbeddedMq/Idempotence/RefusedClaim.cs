using EmbeddedMq.Errors;

namespace EmbeddedMq.Idempotence;

/// <summary>The answer where a claim was not granted: there is nothing to complete or to give up. Immutable.</summary>
internal sealed class RefusedClaim : IIdempotenceClaim
{
    private RefusedClaim(ClaimOutcome outcome, TimeSpan retryAfter)
    {
        Outcome = outcome;
        RetryAfter = retryAfter;
    }

    /// <summary>It was processed before.</summary>
    public static RefusedClaim Duplicate { get; } = new(ClaimOutcome.Duplicate, TimeSpan.Zero);

    /// <summary>Its id is known with another fingerprint.</summary>
    public static RefusedClaim Conflict { get; } = new(ClaimOutcome.Conflict, TimeSpan.Zero);

    /// <inheritdoc/>
    public ClaimOutcome Outcome { get; }

    /// <inheritdoc/>
    public TimeSpan RetryAfter { get; }

    /// <inheritdoc/>
    public bool TakesOutgoing => false;

    /// <summary>Somebody else has it.</summary>
    /// <param name="retryAfter">After how long asking again makes sense.</param>
    public static RefusedClaim Busy(TimeSpan retryAfter) => new(ClaimOutcome.Busy, retryAfter);

    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default) => new(false);

    /// <inheritdoc/>
    public ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
        => throw MqErrors.ClaimNotGranted(Outcome);

    /// <inheritdoc/>
    public ValueTask FailAsync(CancellationToken cancellationToken = default) => throw MqErrors.ClaimNotGranted(Outcome);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
