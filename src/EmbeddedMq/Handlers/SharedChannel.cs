using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Handlers;

/// <summary>A channel with confirms, opened when first needed and again after it was closed.</summary>
/// <param name="connection">The connection that it is on.</param>
/// <remarks>Thread-safe.</remarks>
internal sealed class SharedChannel(BusConnection connection) : IAsyncDisposable
{
    private readonly SemaphoreSlim _opening = new(1, 1);
    private volatile IChannel? _channel; // written under _opening
    private volatile bool _isDisposed;

    /// <summary>The open channel.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public ValueTask<IChannel> GetAsync(CancellationToken cancellationToken)
        => TryGet(out IChannel? channel) ? new ValueTask<IChannel>(channel) : OpenAsync(cancellationToken);

    /// <summary>The open channel, if it is open now.</summary>
    /// <param name="channel">The channel.</param>
    public bool TryGet([NotNullWhen(true)] out IChannel? channel)
    {
        channel = _channel;
        return channel is { IsOpen: true };
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        await _opening.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_channel is { } channel)
            {
                await channel.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            _opening.Release();
        }
    }

    private async ValueTask<IChannel> OpenAsync(CancellationToken cancellationToken)
    {
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isDisposed)
            {
                throw MqErrors.BusEnded(connection.Name);
            }

            if (_channel is { IsOpen: true } current)
            {
                return current;
            }

            IConnection open = await connection.GetAsync(cancellationToken).ConfigureAwait(false);
            IChannel channel = await open.OpenChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            _channel = channel;
            return channel;
        }
        finally
        {
            _opening.Release();
        }
    }
}
