namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>Passes the places <c>claim</c> and <c>mark</c> on the way to a store.</summary>
/// <param name="inner">The store.</param>
/// <param name="killSwitch">Where to die.</param>
internal sealed class WatchedIdempotence(IIdempotenceStore inner, KillSwitch killSwitch) : IIdempotenceStore, IAsyncDisposable
{
    public async ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        killSwitch.Pass("before claim");
        IIdempotenceClaim claim = await inner.ClaimAsync(request, cancellationToken);
        killSwitch.Pass("after claim");
        return new Claim(claim, killSwitch);
    }

    public ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
        => inner.FindAsync(scope, messageId, cancellationToken);

    public ValueTask DisposeAsync() => inner is IAsyncDisposable disposable ? disposable.DisposeAsync() : ValueTask.CompletedTask;

    private sealed class Claim(IIdempotenceClaim inner, KillSwitch killSwitch) : IIdempotenceClaim
    {
        public ClaimOutcome Outcome => inner.Outcome;

        public TimeSpan RetryAfter => inner.RetryAfter;

        public bool TakesOutgoing => inner.TakesOutgoing;

        public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default) => inner.RenewAsync(cancellationToken);

        public async ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
        {
            killSwitch.Pass("before mark");
            bool isAcked = await inner.CompleteAsync(outgoing, cancellationToken);
            killSwitch.Pass("after mark");
            return isAcked;
        }

        public ValueTask FailAsync(CancellationToken cancellationToken = default) => inner.FailAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
