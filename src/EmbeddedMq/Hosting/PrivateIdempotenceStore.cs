namespace EmbeddedMq.Hosting;

/// <summary>The idempotence store of a broker that starts at the first use.</summary>
/// <param name="broker">The broker.</param>
internal sealed class PrivateIdempotenceStore(PrivateBroker broker) : IIdempotenceStore
{
    /// <inheritdoc/>
    public async ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
        => await (await broker.StartAsync().ConfigureAwait(false)).Idempotence.ClaimAsync(request, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
        => await (await broker.StartAsync().ConfigureAwait(false)).Idempotence.FindAsync(scope, messageId, cancellationToken).ConfigureAwait(false);
}
