namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>Passes the places <c>store</c>, <c>take</c> and <c>mark</c> on the way to a store.</summary>
/// <param name="inner">The store.</param>
/// <param name="killSwitch">Where to die.</param>
internal sealed class WatchedOutbox(IOutboxStore inner, KillSwitch killSwitch) : IOutboxStore, IAsyncDisposable
{
    private readonly SemaphoreSlim _storeOrTake = new(1);

    /// <summary>The store.</summary>
    public IOutboxStore Inner => inner;

    public async ValueTask AddAsync(IReadOnlyList<OutboxMessage> messages, CancellationToken cancellationToken = default)
    {
        using (await HoldRelayAsync())
        {
            killSwitch.Pass("before store");
            await inner.AddAsync(messages, cancellationToken);
            killSwitch.Pass("after store");
        }
    }

    /// <summary>Keeps the relay from taking what is stored before the process could die after storing it.</summary>
    /// <returns>Lets it go on.</returns>
    public async Task<IDisposable> HoldRelayAsync()
    {
        await _storeOrTake.WaitAsync();
        return new Hold(_storeOrTake);
    }

    public async ValueTask<IReadOnlyList<OutboxEntry>> TakeAsync(int max, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        using (await HoldRelayAsync())
        {
            IReadOnlyList<OutboxEntry> taken = await inner.TakeAsync(max, lease, cancellationToken);
            if (taken.Count > 0)
            {
                killSwitch.Pass("after take");
            }

            return taken;
        }
    }

    public async ValueTask ConfirmAsync(IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken = default)
    {
        killSwitch.Pass("before mark");
        await inner.ConfirmAsync(entries, cancellationToken);
        killSwitch.Pass("after mark");
    }

    public ValueTask PostponeAsync(OutboxEntry entry, string? error, TimeSpan delay, CancellationToken cancellationToken = default)
        => inner.PostponeAsync(entry, error, delay, cancellationToken);

    public ValueTask FailAsync(OutboxEntry entry, string error, CancellationToken cancellationToken = default) => inner.FailAsync(entry, error, cancellationToken);

    public ValueTask<bool> RetryAsync(string id, CancellationToken cancellationToken = default) => inner.RetryAsync(id, cancellationToken);

    public ValueTask<bool> DiscardAsync(string id, CancellationToken cancellationToken = default) => inner.DiscardAsync(id, cancellationToken);

    public ValueTask<OutboxEntry?> FindAsync(string id, CancellationToken cancellationToken = default) => inner.FindAsync(id, cancellationToken);

    public IAsyncEnumerable<OutboxEntry> ListAsync(OutboxStatus status, CancellationToken cancellationToken = default) => inner.ListAsync(status, cancellationToken);

    public ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken = default) => inner.CountAsync(cancellationToken);

    public ValueTask WaitAsync(TimeSpan limit, CancellationToken cancellationToken = default) => inner.WaitAsync(limit, cancellationToken);

    public ValueTask DisposeAsync()
    {
        _storeOrTake.Dispose();
        return inner is IAsyncDisposable disposable ? disposable.DisposeAsync() : ValueTask.CompletedTask;
    }

    private sealed class Hold(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
