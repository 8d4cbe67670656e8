namespace EmbeddedMq;

/// <summary>A message broker: the embedded one, or a server reached through the same contracts.</summary>
/// <remarks>Thread-safe. Disposing the broker closes every connection with <see cref="ReplyCode.ConnectionForced"/>.</remarks>
public interface IBroker : IAsyncDisposable
{
    /// <summary>The broker's name, as shown in logs, metrics and traces. Not empty.</summary>
    string Name { get; }

    /// <summary>Virtual hosts, policies, definitions and descriptions of what the broker holds.</summary>
    IBrokerManagement Management { get; }

    /// <summary>Opens a connection to one virtual host.</summary>
    /// <param name="options">Name, virtual host and user; <see langword="null"/> means the defaults: virtual host <c>/</c>, user <c>guest</c>.</param>
    /// <param name="cancellationToken">Stops the waiting for the connection.</param>
    /// <returns>An open connection; the caller disposes it.</returns>
    /// <exception cref="ConnectionException">The virtual host does not exist, or the broker is stopping.</exception>
    ValueTask<IConnection> ConnectAsync(ConnectionOptions? options = null, CancellationToken cancellationToken = default);
}
