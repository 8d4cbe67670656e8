using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Handlers.Outbox;

/// <summary>Gives the outbox's store: the application's, made when first needed, or the broker's own, which may have to be started for it.</summary>
/// <param name="plan">Which one.</param>
/// <param name="broker">Gives the broker; may start it.</param>
/// <param name="services">The application's services.</param>
/// <remarks>Thread-safe. Disposing disposes a store that was made here, if it can be.</remarks>
internal sealed class OutboxStoreSource(OutboxPlan plan, Func<CancellationToken, ValueTask<IBroker>> broker, IServiceProvider services) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private volatile IOutboxStore? _store; // written under _gate

    /// <summary>The store.</summary>
    /// <exception cref="InvalidOperationException">It is the broker's, and that does not run yet.</exception>
    public IOutboxStore Current => _store ?? (plan.CreateStore is null ? throw MqErrors.OutboxNotStarted() : Create());

    /// <summary>The store.</summary>
    /// <param name="cancellationToken">Stops the waiting for a broker that is being started.</param>
    /// <exception cref="InvalidOperationException">The broker keeps none.</exception>
    public async ValueTask<IOutboxStore> GetAsync(CancellationToken cancellationToken)
    {
        if (_store is null && plan.CreateStore is null)
        {
            IBroker started = await broker(cancellationToken).ConfigureAwait(false);
            _store = (started as IBrokerStores)?.Outbox ?? throw new InvalidOperationException(MqErrors.NoOutboxStore(started.Name));
        }

        return Current;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (plan.CreateStore is null)
        {
            return; // the broker's own
        }

        if (_store is IAsyncDisposable asynchronous)
        {
            await asynchronous.DisposeAsync().ConfigureAwait(false);
        }
        else if (_store is IDisposable disposable)
        {
            disposable.Dispose();
        }
    }

    private IOutboxStore Create()
    {
        lock (_gate)
        {
            // Under the gate, though it is the application's code: two callers must not make two stores.
            return _store ??= plan.CreateStore!(services);
        }
    }
}
