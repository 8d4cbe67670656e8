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
    private readonly ConcurrentDictionary<string, Lazy<Broker>> _brokers = new(StringComparer.Ordinal);

    /// <summary>The broker of a directory; opened at its first use.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="configure">Changes its storage's options; the first caller's counts.</param>
    /// <exception cref="JournalException">The directory is in use, damaged, or cannot be opened.</exception>
    internal Broker Open(string directory, Action<StorageOptions>? configure)
    {
        string path = Path.GetFullPath(directory);
        return _brokers.GetOrAdd(path, _ => new Lazy<Broker>(() => Start(path, configure))).Value;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Lazy<Broker> broker in _brokers.Values.Where(static broker => broker.IsValueCreated))
        {
            await broker.Value.DisposeAsync().ConfigureAwait(false);
        }
    }

#pragma warning disable RS0030 // the container and its factories are synchronous; nothing else waits so
    /// <inheritdoc/>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult(); // a container that is disposed so has no other way to wait

    // Stores are made synchronously, before anything runs that this could keep waiting.
    private Broker Start(string path, Action<StorageOptions>? configure)
    {
        BrokerOptions options = new()
        {
            Name = $"stores of {path}",
            DataDirectory = path,
            LoggerFactory = services.GetService<ILoggerFactory>(),
            TimeProvider = services.GetService<TimeProvider>() ?? TimeProvider.System,
        };
        configure?.Invoke(options.Storage);
        return Task.Run(() => Broker.StartAsync(options).AsTask()).GetAwaiter().GetResult();
    }
#pragma warning restore RS0030
}
