namespace EmbeddedMq;

/// <summary>What an operator does: virtual hosts, policies, definitions, and a look at what there is.</summary>
/// <remarks>Thread-safe. A look does not stop the flow; counts taken while messages move are each right for a moment, not for the same one.</remarks>
public interface IBrokerManagement
{
    /// <summary>Creates a virtual host with its predeclared exchanges. One that exists is no error.</summary>
    /// <param name="virtualHost">Its name, 1 to 255 bytes of UTF-8.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask CreateVirtualHostAsync(string virtualHost, CancellationToken cancellationToken = default);

    /// <summary>Deletes a virtual host with all it holds; its connections close with 320 <c>vhost 'v' is deleted</c>.</summary>
    /// <param name="virtualHost">Its name.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Whether there was one.</returns>
    ValueTask<bool> DeleteVirtualHostAsync(string virtualHost, CancellationToken cancellationToken = default);

    /// <summary>The virtual hosts, by name.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask<IReadOnlyList<string>> ListVirtualHostsAsync(CancellationToken cancellationToken = default);

    /// <summary>Sets a policy, or replaces the one of that name; it applies at once to what exists.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="EmbeddedMqException">There is no such virtual host, or the policy has a key or value that is not supported.</exception>
    ValueTask SetPolicyAsync(string virtualHost, Policy policy, CancellationToken cancellationToken = default);

    /// <summary>Deletes a policy.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="name">The policy's name.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Whether there was one.</returns>
    ValueTask<bool> DeletePolicyAsync(string virtualHost, string name, CancellationToken cancellationToken = default);

    /// <summary>The policies of a virtual host, by name.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask<IReadOnlyList<Policy>> ListPoliciesAsync(string virtualHost, CancellationToken cancellationToken = default);

    /// <summary>The exchanges of a virtual host, by name, the predeclared ones among them.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask<IReadOnlyList<ExchangeDescription>> ListExchangesAsync(string virtualHost, CancellationToken cancellationToken = default);

    /// <summary>The queues of a virtual host, by name, with their counts.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask<IReadOnlyList<QueueDescription>> ListQueuesAsync(string virtualHost, CancellationToken cancellationToken = default);

    /// <summary>The bindings of a virtual host; the implicit ones of the default exchange are left out.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask<IReadOnlyList<BindingDescription>> ListBindingsAsync(string virtualHost, CancellationToken cancellationToken = default);

    /// <summary>The open connections.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    ValueTask<IReadOnlyList<ConnectionDescription>> ListConnectionsAsync(CancellationToken cancellationToken = default);

    /// <summary>Closes every connection of a name from the broker's side: 320 <c>CONNECTION_FORCED - reason</c>.</summary>
    /// <param name="name">The connection's name.</param>
    /// <param name="reason">The reason that its owner is told.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>How many were closed.</returns>
    ValueTask<int> CloseConnectionsAsync(string name, string reason, CancellationToken cancellationToken = default);

    /// <summary>Writes virtual hosts, exchanges, queues, bindings and policies as RabbitMQ's definitions JSON, UTF-8.</summary>
    /// <param name="destination">Where to; stays open.</param>
    /// <param name="cancellationToken">Stops the export.</param>
    ValueTask ExportDefinitionsAsync(Stream destination, CancellationToken cancellationToken = default);

    /// <summary>Reads RabbitMQ's definitions JSON and declares what it holds, after checking all of it.</summary>
    /// <param name="source">Where from; stays open.</param>
    /// <param name="cancellationToken">Stops the import.</param>
    /// <exception cref="DefinitionsException">Something in it is not valid or not supported; nothing was declared. All errors are listed.</exception>
    ValueTask ImportDefinitionsAsync(Stream source, CancellationToken cancellationToken = default);
}
