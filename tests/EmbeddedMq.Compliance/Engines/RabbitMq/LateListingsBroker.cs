namespace EmbeddedMq.Compliance.RabbitMq;

/// <summary>A broker whose listings are those of a little later: the server's statistics follow what happens after an interval.</summary>
/// <param name="broker">The broker.</param>
internal sealed class LateListingsBroker(IBroker broker) : IBroker, IBrokerManagement
{
    private static readonly TimeSpan Lateness = TimeSpan.FromMilliseconds(5500);

    /// <inheritdoc/>
    public string Name => broker.Name;

    /// <inheritdoc/>
    public IBrokerManagement Management => this;

    /// <inheritdoc/>
    public ValueTask<IConnection> ConnectAsync(ConnectionOptions? options = null, CancellationToken cancellationToken = default)
        => broker.ConnectAsync(options, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => broker.DisposeAsync();

    /// <inheritdoc/>
    public ValueTask CreateVirtualHostAsync(string virtualHost, CancellationToken cancellationToken = default)
        => broker.Management.CreateVirtualHostAsync(virtualHost, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> DeleteVirtualHostAsync(string virtualHost, CancellationToken cancellationToken = default)
        => broker.Management.DeleteVirtualHostAsync(virtualHost, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListVirtualHostsAsync(CancellationToken cancellationToken = default)
        => broker.Management.ListVirtualHostsAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask SetPolicyAsync(string virtualHost, Policy policy, CancellationToken cancellationToken = default)
        => broker.Management.SetPolicyAsync(virtualHost, policy, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> DeletePolicyAsync(string virtualHost, string name, CancellationToken cancellationToken = default)
        => broker.Management.DeletePolicyAsync(virtualHost, name, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Policy>> ListPoliciesAsync(string virtualHost, CancellationToken cancellationToken = default)
        => broker.Management.ListPoliciesAsync(virtualHost, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ExchangeDescription>> ListExchangesAsync(string virtualHost, CancellationToken cancellationToken = default)
        => LaterAsync(() => broker.Management.ListExchangesAsync(virtualHost, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<QueueDescription>> ListQueuesAsync(string virtualHost, CancellationToken cancellationToken = default)
        => LaterAsync(() => broker.Management.ListQueuesAsync(virtualHost, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BindingDescription>> ListBindingsAsync(string virtualHost, CancellationToken cancellationToken = default)
        => broker.Management.ListBindingsAsync(virtualHost, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ConnectionDescription>> ListConnectionsAsync(CancellationToken cancellationToken = default)
        => LaterAsync(() => broker.Management.ListConnectionsAsync(cancellationToken));

    /// <inheritdoc/>
    public ValueTask<int> CloseConnectionsAsync(string name, string reason, CancellationToken cancellationToken = default)
        => LaterAsync(() => broker.Management.CloseConnectionsAsync(name, reason, cancellationToken));

    /// <inheritdoc/>
    public ValueTask ExportDefinitionsAsync(Stream destination, CancellationToken cancellationToken = default)
        => broker.Management.ExportDefinitionsAsync(destination, cancellationToken);

    /// <inheritdoc/>
    public ValueTask ImportDefinitionsAsync(Stream source, CancellationToken cancellationToken = default)
        => broker.Management.ImportDefinitionsAsync(source, cancellationToken);

    private static async ValueTask<T> LaterAsync<T>(Func<ValueTask<T>> look)
    {
        await Task.Delay(Lateness, TimeProvider.System);
        return await look();
    }
}
