using EmbeddedMq.Errors;
using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>The store in which the idempotent consumers of one broker remember, from their start to their end.</summary>
/// <param name="plan">Which store.</param>
/// <param name="services">What it is made with.</param>
/// <remarks>A store that the application's function made is ended here; the broker's own ends with the broker. Opened and disposed by one caller; else thread-safe.</remarks>
internal sealed class MarkKeeper(IdempotencePlan plan, IServiceProvider services) : IAsyncDisposable
{
    private volatile IIdempotenceStore? _store;
    private bool _isOwned;

    /// <summary>How long a claim holds.</summary>
    public TimeSpan Lease => plan.Lease;

    /// <summary>The store; <see langword="null"/> before <see cref="Open"/>.</summary>
    public IIdempotenceStore? StoreOrNull => _store;

    /// <summary>The store.</summary>
    public IIdempotenceStore Store => _store ?? throw new InvalidOperationException("Idempotent consumers are started after their store was opened.");

    /// <summary>Finds or makes the store. Once it has succeeded it does nothing.</summary>
    /// <param name="broker">The started broker.</param>
    /// <param name="queue">The queue of a consumer that needs the store.</param>
    /// <exception cref="InvalidOperationException">Nothing says which store, and the broker has none.</exception>
    public void Open(IBroker broker, string queue)
    {
        if (_store is not null)
        {
            return;
        }

        _isOwned = plan.CreateStore is not null;
        _store = plan.CreateStore?.Invoke(services) ?? (broker as IBrokerStores)?.Idempotence ?? throw MqErrors.NoIdempotenceStore(queue, broker.Name);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_isOwned)
        {
            return;
        }

        switch (_store)
        {
            case IAsyncDisposable disposable:
                await disposable.DisposeAsync().ConfigureAwait(false);
                break;
            case IDisposable disposable:
                disposable.Dispose();
                break;
            default:
                break;
        }
    }
}
