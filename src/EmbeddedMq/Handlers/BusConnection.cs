using EmbeddedMq.Errors;

namespace EmbeddedMq.Handlers;

/// <summary>One connection for one purpose, opened when first needed and again after it was lost.</summary>
/// <param name="broker">Gives the broker; may start it.</param>
/// <param name="virtualHost">The virtual host.</param>
/// <param name="name">The connection's name.</param>
/// <param name="opened">What to do with a connection before anyone else gets it, or <see langword="null"/> for nothing. When it fails the connection is closed again.</param>
/// <remarks>Thread-safe. Publishing and consuming have one each, so that publishers who are made to wait do not keep consumers from settling.</remarks>
internal sealed class BusConnection(
    Func<CancellationToken, ValueTask<IBroker>> broker, string virtualHost, string name, Func<IConnection, CancellationToken, ValueTask>? opened = null) : IAsyncDisposable
{
    private readonly SemaphoreSlim _opening = new(1, 1);
    private readonly CancellationTokenSource _closing = new(); // ends an opening that a disposal would else wait for
    private volatile IConnection? _connection; // written under _opening
    private volatile bool _isDisposed;

    /// <summary>The connection's name.</summary>
    public string Name => name;

    /// <summary>Why the broker makes this connection's publishers wait, or <see langword="null"/>.</summary>
    public string? BlockedReason => _connection is { IsOpen: true } connection ? connection.BlockedReason : null;

    /// <summary>Whether it is open now.</summary>
    public bool IsOpen => _connection is { IsOpen: true };

    /// <summary>The open connection.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public ValueTask<IConnection> GetAsync(CancellationToken cancellationToken)
        => _connection is { IsOpen: true } connection ? new ValueTask<IConnection>(connection) : OpenAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        await _closing.CancelAsync().ConfigureAwait(false);
        await _opening.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_connection is { } connection)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            _opening.Release();
        }
    }

    private async ValueTask<IConnection> OpenAsync(CancellationToken callersToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(callersToken, _closing.Token);
        try
        {
            return await OpenInTurnAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_isDisposed && !callersToken.IsCancellationRequested)
        {
            throw MqErrors.BusEnded(name);
        }
    }

    private async ValueTask<IConnection> OpenInTurnAsync(CancellationToken cancellationToken)
    {
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isDisposed)
            {
                throw MqErrors.BusEnded(name);
            }

            if (_connection is { IsOpen: true } current)
            {
                return current;
            }

            IBroker target = await broker(cancellationToken).ConfigureAwait(false);
            IConnection connection = await target.ConnectAsync(new ConnectionOptions { VirtualHost = virtualHost, Name = name }, cancellationToken).ConfigureAwait(false);
            try
            {
                if (opened is not null)
                {
                    await opened(connection, cancellationToken).ConfigureAwait(false);
                }
            }
            catch
            {
                await connection.DisposeAsync().ConfigureAwait(false);
                throw;
            }

            _connection = connection;
            return connection;
        }
        finally
        {
            _opening.Release();
        }
    }
}
