namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>Passes the places <c>claim</c> and <c>mark</c> on the way to a store; of a check service <c>record</c> (that a message was confirmed),
/// <c>due</c> (whether one was) and <c>note</c> (that its producer was asked).</summary>
/// <param name="inner">The store.</param>
/// <param name="killSwitch">Where to die.</param>
internal sealed class WatchedIdempotence(IIdempotenceStore inner, KillSwitch killSwitch) : IIdempotenceStore, IAsyncDisposable
{
    private const string Checks = "checks";

    /// <summary>The store.</summary>
    public IIdempotenceStore Inner => inner;

    public async ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        string scope = request.Key.Scope;
        if (scope == Checks || scope.StartsWith(Checks + ".", StringComparison.Ordinal))
        {
            return new Claim(await inner.ClaimAsync(request, cancellationToken), scope == Checks ? "record" : "note", killSwitch);
        }

        killSwitch.Pass("before claim");
        IIdempotenceClaim claim = await inner.ClaimAsync(request, cancellationToken);
        killSwitch.Pass("after claim");
        return new Claim(claim, "mark", killSwitch);
    }

    public async ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
    {
        if (scope != Checks)
        {
            return await inner.FindAsync(scope, messageId, cancellationToken);
        }

        killSwitch.Pass("before due");
        IdempotenceMark? mark = await inner.FindAsync(scope, messageId, cancellationToken);
        killSwitch.Pass("after due");
        return mark;
    }

    public ValueTask DisposeAsync() => inner is IAsyncDisposable disposable ? disposable.DisposeAsync() : ValueTask.CompletedTask;

    private sealed class Claim(IIdempotenceClaim inner, string completion, KillSwitch killSwitch) : IIdempotenceClaim
    {
        public ClaimOutcome Outcome => inner.Outcome;

        public TimeSpan RetryAfter => inner.RetryAfter;

        public bool TakesOutgoing => inner.TakesOutgoing;

        public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default) => inner.RenewAsync(cancellationToken);

        public async ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
        {
            killSwitch.Pass($"before {completion}");
            bool isAcked = await inner.CompleteAsync(outgoing, cancellationToken);
            killSwitch.Pass($"after {completion}");
            return isAcked;
        }

        public ValueTask FailAsync(CancellationToken cancellationToken = default) => inner.FailAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
