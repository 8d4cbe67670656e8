using System.Collections.Concurrent;

namespace EmbeddedMq.Handlers.Publishing;

/// <summary>A channel with confirms for each exchange, opened when first needed.</summary>
/// <param name="connection">The connection that they are on.</param>
/// <remarks>Thread-safe. A channel each, because publishing to an exchange that does not exist closes the channel and leaves the outcome of
/// everything else outstanding on it unknown.</remarks>
internal sealed class ExchangeChannels(BusConnection connection) : IAsyncDisposable
{
    // Beyond that many exchanges, the rest share one channel: a channel number is a limited good.
    private const int MaxChannels = 64;

    private readonly ConcurrentDictionary<string, SharedChannel> _channels = new(StringComparer.Ordinal);

    /// <summary>The channel for an exchange.</summary>
    /// <param name="exchange">The exchange.</param>
    public SharedChannel For(string exchange)
    {
        if (_channels.TryGetValue(exchange, out SharedChannel? channel))
        {
            return channel;
        }

        // "*" cannot be mistaken for much: an exchange of that name would share the channel of the rest.
        return _channels.GetOrAdd(_channels.Count < MaxChannels ? exchange : "*", static (_, connection) => new SharedChannel(connection), connection);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (SharedChannel channel in _channels.Values)
        {
            await channel.DisposeAsync().ConfigureAwait(false);
        }
    }
}
