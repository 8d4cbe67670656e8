namespace EmbeddedMq.Hosting;

/// <summary>A broker that is there for its stores only, and starts when one of them is first used.</summary>
/// <remarks>Thread-safe. A start that failed is tried again by the next use.</remarks>
/// <param name="options">Its options.</param>
internal sealed class PrivateBroker(BrokerOptions options) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private Task<Broker>? _start;  // guarded by _gate
    private bool _isDisposed;      // guarded by _gate

    /// <summary>The running broker.</summary>
    /// <exception cref="JournalException">Its directory is in use, damaged, or cannot be opened.</exception>
    internal Task<Broker> StartAsync()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _start is null or { IsFaulted: true } ? _start = Broker.StartAsync(options).AsTask() : _start;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Task<Broker>? start;
        lock (_gate)
        {
            _isDisposed = true;
            start = _start;
        }

        if (start is { IsFaulted: false })
        {
            Broker broker = await start.ConfigureAwait(false);
            await broker.DisposeAsync().ConfigureAwait(false);
        }
    }
}
