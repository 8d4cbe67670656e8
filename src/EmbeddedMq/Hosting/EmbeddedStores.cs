using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Hosting;

/// <summary>The stores in data directories of applications whose messages go through another broker: one private broker for each directory, which the
/// outbox and the idempotent consumers share.</summary>
/// <remarks>Thread-safe. It is disposed with the application's services.</remarks>
/// <param name="services">The application's services.</param>
internal sealed class EmbeddedStores(IServiceProvider services) : IAsyncDisposable, IDisposable
{
    private readonly ConcurrentDictionary<string, PrivateBroker> _brokers = new(StringComparer.Ordinal);

    /// <summary>The broker of a directory, which starts at its first use.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="configure">Changes its storage's options; the first caller's counts.</param>
    internal PrivateBroker Open(string directory, Action<StorageOptions>? configure)
    {
        string path = Path.GetFullPath(directory);
        return _brokers.GetOrAdd(path, _ =>
        {
            BrokerOptions options = new()
            {
                Name = $"stores of {path}",
                DataDirectory = path,
                LoggerFactory = services.GetService<ILoggerFactory>(),
                TimeProvider = services.GetService<TimeProvider>() ?? TimeProvider.System,
            };
            configure?.Invoke(options.Storage);
            return new PrivateBroker(options);
        });
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (PrivateBroker broker in _brokers.Values)
        {
            await broker.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>For containers that are disposed synchronously: begins the end without waiting for it.</summary>
    public void Dispose() => _ = DisposeAsync().AsTask();
}
