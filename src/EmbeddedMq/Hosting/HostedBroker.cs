namespace EmbeddedMq.Hosting;

/// <summary>The broker as services hand it out: there before it has started, and started by its first use.</summary>
/// <param name="host">What starts and stops it.</param>
/// <remarks>Thread-safe. Services are constructed before any of them starts, so the broker they are given cannot be a started one.</remarks>
internal sealed class HostedBroker(BrokerHost host) : IBroker, IDisposable
{
    /// <inheritdoc/>
    public string Name => host.Name;

    /// <inheritdoc/>
    public IBrokerManagement Management => host.StartedBroker.Management;

    /// <inheritdoc/>
    public async ValueTask<IConnection> ConnectAsync(ConnectionOptions? options = null, CancellationToken cancellationToken = default)
    {
        IBroker broker = await host.StartAsync(cancellationToken).ConfigureAwait(false);
        return await broker.ConnectAsync(options, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => host.DisposeAsync();

    /// <inheritdoc/>
    public void Dispose() => host.Dispose();
}
