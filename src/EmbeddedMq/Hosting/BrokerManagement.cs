using System.Collections.Concurrent;
using System.Text;
using EmbeddedMq.Connections;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Errors;
using EmbeddedMq.VirtualHosts;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.Hosting;

/// <summary>The operator's side of the embedded broker.</summary>
/// <param name="virtualHosts">The virtual hosts, by name.</param>
/// <param name="connections">The open connections.</param>
/// <param name="services">What the broker's parts share.</param>
internal sealed class BrokerManagement(
    ConcurrentDictionary<string, VirtualHost> virtualHosts, ConnectionRegistry connections, BrokerServices services) : IBrokerManagement
{
    /// <summary>The virtual host of what the broker itself keeps in queues. Nobody else sees it or reaches it.</summary>
    internal const string InternalHost = "amq.embeddedmq";

    /// <inheritdoc/>
    public ValueTask CreateVirtualHostAsync(string virtualHost, CancellationToken cancellationToken = default)
    {
        CheckName(virtualHost);
        cancellationToken.ThrowIfCancellationRequested();
        GetOrCreate(virtualHost);
        return services.Store.FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DeleteVirtualHostAsync(string virtualHost, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(virtualHost);
        cancellationToken.ThrowIfCancellationRequested();
        if (virtualHost == InternalHost || !virtualHosts.TryGetValue(virtualHost, out VirtualHost? removed) || !removed.TryEnd())
        {
            return false;
        }

        virtualHosts.TryRemove(KeyValuePair.Create(virtualHost, removed)); // after the journal says so: who makes it anew says that behind it
        connections.Close(connection => connection.VirtualHost == virtualHost, $"vhost '{virtualHost}' is deleted");
        removed.Clear();
        await services.Store.FlushAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListVirtualHostsAsync(CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IReadOnlyList<string>>([.. virtualHosts.Keys.Where(static name => name != InternalHost).Order(StringComparer.Ordinal)]);

    /// <inheritdoc/>
    public ValueTask SetPolicyAsync(string virtualHost, Policy policy, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(policy);
        cancellationToken.ThrowIfCancellationRequested();
        Get(virtualHost).SetPolicy(policy);
        return services.Store.FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DeletePolicyAsync(string virtualHost, string name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        cancellationToken.ThrowIfCancellationRequested();
        bool deleted = Get(virtualHost).DeletePolicy(name);
        await services.Store.FlushAsync(cancellationToken).ConfigureAwait(false);
        return deleted;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Policy>> ListPoliciesAsync(string virtualHost, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(Get(virtualHost).Policies);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ExchangeDescription>> ListExchangesAsync(string virtualHost, CancellationToken cancellationToken = default)
    {
        VirtualHost host = Get(virtualHost);
        return ValueTask.FromResult<IReadOnlyList<ExchangeDescription>>(
        [
            .. host.Exchanges
                .Select(exchange => new ExchangeDescription(exchange.Declaration, host.PolicyOfExchange(exchange.Name)?.Name, exchange.PublishedCount))
                .OrderBy(static exchange => exchange.Name, StringComparer.Ordinal),
        ]);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<QueueDescription>> ListQueuesAsync(string virtualHost, CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IReadOnlyList<QueueDescription>>(
            [.. Get(virtualHost).Queues.Select(static queue => queue.Describe()).OrderBy(static queue => queue.Name, StringComparer.Ordinal)]);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BindingDescription>> ListBindingsAsync(string virtualHost, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(ListBindings(Get(virtualHost)));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ConnectionDescription>> ListConnectionsAsync(CancellationToken cancellationToken = default)
        => ValueTask.FromResult<IReadOnlyList<ConnectionDescription>>(
            [.. connections.All.Select(static connection => connection.Describe()).OrderBy(static connection => connection.Name, StringComparer.Ordinal)]);

    /// <inheritdoc/>
    public ValueTask<int> CloseConnectionsAsync(string name, string reason, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(reason);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(connections.Close(connection => connection.Name == name, reason));
    }

    /// <inheritdoc/>
    public ValueTask ExportDefinitionsAsync(Stream destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        VirtualHostDefinition[] definitions =
        [
            .. virtualHosts.Values.Where(static host => host.Name != InternalHost).OrderBy(static host => host.Name, StringComparer.Ordinal).Select(static host => new VirtualHostDefinition(host.Name)
            {
                Exchanges = [.. host.Exchanges.Select(static exchange => exchange.Declaration).OrderBy(static exchange => exchange.Name, StringComparer.Ordinal)],
                Policies = host.Policies,
                Queues = [.. host.Queues.Select(static queue => queue.Declaration).OrderBy(static queue => queue.Name, StringComparer.Ordinal)],
                Bindings = ListBindings(host),
            }),
        ];
        return DefinitionsWriter.WriteAsync(destination, new Definitions(definitions), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask ImportDefinitionsAsync(Stream source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        Definitions definitions = await DefinitionsReader.ReadAsync(source, cancellationToken).ConfigureAwait(false);
        string[] faults =
        [
            .. definitions.VirtualHosts.SelectMany(definition =>
                virtualHosts.TryGetValue(definition.Name, out VirtualHost? host) ? host.FindImportFaults(definition) : []),
        ];
        if (faults.Length > 0)
        {
            throw new DefinitionsException(faults);
        }

        foreach (VirtualHostDefinition definition in definitions.VirtualHosts)
        {
            GetOrCreate(definition.Name).Import(definition);
        }

        await services.Store.FlushAsync(cancellationToken).ConfigureAwait(false);

        if (definitions.Ignored.Count > 0)
        {
            BrokerLog.DefinitionsIgnored(services.Logger, definitions.Ignored.Count, string.Join("; ", definitions.Ignored));
        }
    }

    private static IReadOnlyList<BindingDescription> ListBindings(VirtualHost host) =>
    [
        .. host.Exchanges
            .SelectMany(static exchange => exchange.GetBindings())
            .Select(static binding => binding.Describe())
            .OrderBy(static binding => binding.Source, StringComparer.Ordinal)
            .ThenBy(static binding => binding.Destination, StringComparer.Ordinal)
            .ThenBy(static binding => binding.RoutingKey, StringComparer.Ordinal),
    ];

    private VirtualHost Get(string virtualHost)
    {
        ArgumentNullException.ThrowIfNull(virtualHost);
        return virtualHost != InternalHost && virtualHosts.TryGetValue(virtualHost, out VirtualHost? host) ? host : throw MqErrors.NoVirtualHost(virtualHost);
    }

    /// <summary>Opens <see cref="InternalHost"/>, and makes it at the first time.</summary>
    internal VirtualHost OpenInternalHost() => GetOrCreate(InternalHost);

    private VirtualHost GetOrCreate(string virtualHost)
    {
        if (virtualHosts.TryGetValue(virtualHost, out VirtualHost? existing))
        {
            return existing;
        }

        VirtualHost host = virtualHosts.GetOrAdd(virtualHost, static (name, services) => new VirtualHost(name, services), services);
        services.Store.Append(new VirtualHostAdded(virtualHost)); // once more, where two create it at once: that changes nothing
        return host;
    }

    private void CheckName(string virtualHost)
    {
        ArgumentNullException.ThrowIfNull(virtualHost);
        int bytes = Encoding.UTF8.GetByteCount(virtualHost);
        if (bytes == 0 || bytes > services.Limits.MaxNameBytes)
        {
            throw MqErrors.InvalidVirtualHostName(bytes, services.Limits.MaxNameBytes);
        }

        if (virtualHost == InternalHost)
        {
            throw MqErrors.VirtualHostReserved(virtualHost);
        }
    }
}
