using System.Collections.Concurrent;
using System.Globalization;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.RabbitMq.Connections;
using EmbeddedMq.RabbitMq.Hosting;
using EmbeddedMq.RabbitMq.Management;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq;

/// <summary>A RabbitMQ server or cluster behind the contracts of EmbeddedMq.</summary>
/// <remarks>
/// <para>A lost connection is recovered: calls wait for it (<see cref="RabbitMqOptions.OutageTimeout"/>), what was declared through it is declared
/// again, its channels and consumers go on. A publish that had not been confirmed fails with a transient <see cref="ConnectionException"/>, as of
/// unknown outcome; it is never reported as confirmed. Deliveries that were not settled come again, flagged; settling them under their old tags
/// does nothing.</para>
/// <para>Where it differs from the embedded broker, because the protocol or the server leaves no choice: acknowledgements have no answer, so
/// that they count when the server has read them; an error of a publish on a channel without confirms is noticed by a later call; a channel
/// error fails every publish that is outstanding on the channel; a message that was received and not read comes back flagged as redelivered; on
/// a channel whose consumers share a window, starting one with another prefetch than the one before lifts that window for a moment.</para>
/// <para>Thread-safe. Disposing it closes its connections; the server goes on.</para>
/// </remarks>
public sealed class RabbitMqBroker : IBroker
{
    private readonly RabbitMqSettings _settings;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<RabbitConnection, bool> _connections = new();
    private readonly HttpManagement _management;
    private int _connectionCount;
    private volatile bool _isDisposed;

    private RabbitMqBroker(RabbitMqSettings settings)
    {
        _settings = settings;
        _logger = GuardedLogger.From(settings.Options.LoggerFactory, ConnectionLog.Category);
        _management = new HttpManagement(settings);
    }

    /// <inheritdoc/>
    public string Name => _settings.Options.Name;

    /// <inheritdoc/>
    /// <remarks>Through the server's HTTP API; without <see cref="RabbitMqOptions.ManagementUri"/> every call throws <see cref="NotSupportedException"/>.</remarks>
    public IBrokerManagement Management => _management;

    /// <summary>Reaches a server, to find out at once whether it can be reached.</summary>
    /// <param name="options">How; <see langword="null"/> means <c>localhost</c> and the user <c>guest</c>.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The broker; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">An option is out of its range or cannot be read.</exception>
    /// <exception cref="ConnectionException">No server could be reached, or it refused.</exception>
    public static async ValueTask<RabbitMqBroker> StartAsync(RabbitMqOptions? options = null, CancellationToken cancellationToken = default)
    {
        RabbitMqBroker broker = new(new RabbitMqSettings(options ?? new RabbitMqOptions()));
        try
        {
            IConnection probe = await broker.ConnectAsync(new ConnectionOptions { Name = $"{broker.Name}.start" }, cancellationToken).ConfigureAwait(false);
            await probe.DisposeAsync().ConfigureAwait(false);
            return broker;
        }
        catch
        {
            await broker.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Another user than that of the options is asked for: AMQP needs its password.</exception>
    public async ValueTask<IConnection> ConnectAsync(ConnectionOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        options ??= new ConnectionOptions();
        if (options.UserName != new ConnectionOptions().UserName && options.UserName != _settings.UserName)
        {
            throw new NotSupportedException(
                $"This broker was reached as user '{_settings.UserName}' and has no password for '{options.UserName}'. Start another RabbitMqBroker with that user's login.");
        }

        string name = options.Name ?? string.Create(CultureInfo.InvariantCulture, $"{Name}.{Interlocked.Increment(ref _connectionCount)}");
        RabbitConnection connection = await RabbitConnection.OpenAsync(
            _settings, _management, _settings.Resolve(options.VirtualHost), name, Forget, _logger, cancellationToken).ConfigureAwait(false);
        _connections.TryAdd(connection, true);
        if (!connection.IsOpen)
        {
            Forget(connection);
        }

        if (_isDisposed)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            ObjectDisposedException.ThrowIf(_isDisposed, this);
        }

        return connection;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        foreach (RabbitConnection connection in _connections.Keys)
        {
            await connection.CloseAsync(ReplyCode.ConnectionForced, "CONNECTION_FORCED - broker disposed").ConfigureAwait(false);
        }

        _management.Dispose();
    }

    private void Forget(RabbitConnection connection) => _connections.TryRemove(connection, out _);
}
