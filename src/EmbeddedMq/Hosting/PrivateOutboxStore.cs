using System.Runtime.CompilerServices;

namespace EmbeddedMq.Hosting;

/// <summary>The outbox of a broker that starts at the first use.</summary>
/// <param name="broker">The broker.</param>
internal sealed class PrivateOutboxStore(PrivateBroker broker) : IOutboxStore
{
    /// <inheritdoc/>
    public async ValueTask AddAsync(IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).AddAsync(messages, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<OutboxEntry>> TakeAsync(int max, TimeSpan lease, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).TakeAsync(max, lease, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask ConfirmAsync(IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).ConfirmAsync(entries, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask PostponeAsync(OutboxEntry entry, string? error, TimeSpan delay, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).PostponeAsync(entry, error, delay, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask FailAsync(OutboxEntry entry, string error, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).FailAsync(entry, error, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<bool> RetryAsync(string id, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).RetryAsync(id, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<bool> DiscardAsync(string id, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).DiscardAsync(id, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<OutboxEntry?> FindAsync(string id, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).FindAsync(id, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async IAsyncEnumerable<OutboxEntry> ListAsync(OutboxStatus status, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        IOutboxStore store = await OpenAsync().ConfigureAwait(false);
        await foreach (OutboxEntry entry in store.ListAsync(status, cancellationToken).ConfigureAwait(false))
        {
            yield return entry;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).CountAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask WaitAsync(TimeSpan limit, CancellationToken cancellationToken = default)
        => await (await OpenAsync().ConfigureAwait(false)).WaitAsync(limit, cancellationToken).ConfigureAwait(false);

    private async ValueTask<IOutboxStore> OpenAsync() => (await broker.StartAsync().ConfigureAwait(false)).Outbox;
}
