using EmbeddedMq.RabbitMq.Channels;
using EmbeddedMq.RabbitMq.Wire;
using Client = RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Connections;

/// <summary>What was declared through a connection, so that it can be declared again on a server that lost it.</summary>
/// <remarks>
/// <para>A queue whose name the server made, and which has gone, gets another name when it is declared again; <see cref="CurrentName"/> leads from the old to the new,
/// so that the application goes on with the name it knows. Other applications do not know the new name.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class TopologyRecord
{
    private readonly Lock _gate = new();
    private readonly OrderedDictionary<string, ExchangeDeclaration> _exchanges = new(StringComparer.Ordinal); // guarded by _gate
    private readonly OrderedDictionary<string, QueueDeclaration> _queues = new(StringComparer.Ordinal);       // by first name; guarded by _gate
    private readonly List<BindingDescription> _bindings = [];                                                 // in order; guarded by _gate
    private readonly Dictionary<string, string> _currentNames = new(StringComparer.Ordinal);                  // first to present name; guarded by _gate

    /// <summary>Declares an exchange on the wire.</summary>
    /// <param name="wire">The wire.</param>
    /// <param name="declaration">The exchange; not an internal one, for which RabbitMQ.Client has no method.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal static Task DeclareAsync(Client.IChannel wire, ExchangeDeclaration declaration, CancellationToken cancellationToken)
        => wire.ExchangeDeclareAsync(
            declaration.Name,
            declaration.Type,
            declaration.IsDurable,
            declaration.IsAutoDelete,
            WireTable.ToWire(declaration.Arguments),
            passive: false,
            noWait: false,
            cancellationToken);

    /// <summary>Declares a queue on the wire.</summary>
    /// <param name="wire">The wire.</param>
    /// <param name="declaration">The queue.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal static Task<Client.QueueDeclareOk> DeclareAsync(Client.IChannel wire, QueueDeclaration declaration, CancellationToken cancellationToken)
        => wire.QueueDeclareAsync(
            declaration.Name,
            declaration.IsDurable,
            declaration.IsExclusive,
            declaration.IsAutoDelete,
            WireTable.ToWire(declaration.Arguments),
            passive: false,
            noWait: false,
            cancellationToken);

    /// <summary>Notes an exchange.</summary>
    /// <param name="declaration">The exchange.</param>
    internal void Add(ExchangeDeclaration declaration)
    {
        lock (_gate)
        {
            if (!declaration.Name.StartsWith("amq.", StringComparison.Ordinal))
            {
                _exchanges[declaration.Name] = declaration;
            }
        }
    }

    /// <summary>Notes a queue.</summary>
    /// <param name="declaration">The queue; without a name where the server made it.</param>
    /// <param name="name">Its name.</param>
    internal void Add(QueueDeclaration declaration, string name)
    {
        lock (_gate)
        {
            _queues[name] = declaration;
        }
    }

    /// <summary>Notes a binding.</summary>
    /// <param name="binding">The binding.</param>
    internal void Add(BindingDescription binding)
    {
        lock (_gate)
        {
            if (!_bindings.Contains(binding))
            {
                _bindings.Add(binding);
            }
        }
    }

    /// <summary>Forgets a binding.</summary>
    /// <param name="binding">The binding.</param>
    internal void Remove(BindingDescription binding)
    {
        lock (_gate)
        {
            _bindings.Remove(binding);
        }
    }

    /// <summary>Forgets an exchange with its bindings.</summary>
    /// <param name="name">The exchange.</param>
    internal void RemoveExchange(string name)
    {
        lock (_gate)
        {
            _exchanges.Remove(name);
            _bindings.RemoveAll(binding => binding.Source == name || (binding.DestinationKind == DestinationKind.Exchange && binding.Destination == name));
        }
    }

    /// <summary>Forgets a queue with its bindings.</summary>
    /// <param name="name">The queue.</param>
    internal void RemoveQueue(string name)
    {
        lock (_gate)
        {
            _queues.Remove(name);
            _currentNames.Remove(name);
            _bindings.RemoveAll(binding => binding.DestinationKind == DestinationKind.Queue && binding.Destination == name);
        }
    }

    /// <summary>Whether a queue was declared to go with its last consumer.</summary>
    /// <param name="name">The queue.</param>
    internal bool IsAutoDelete(string name)
    {
        lock (_gate)
        {
            return _queues.TryGetValue(name, out QueueDeclaration? queue) && queue.IsAutoDelete;
        }
    }

    /// <summary>The name that a queue has on the server now.</summary>
    /// <param name="name">The name that the application knows.</param>
    internal string CurrentName(string name)
    {
        lock (_gate)
        {
            return _currentNames.GetValueOrDefault(name, name);
        }
    }

    /// <summary>Declares all of it again: exchanges, queues, bindings.</summary>
    /// <param name="session">The new wire connection.</param>
    /// <param name="declareInternal">Declares an internal exchange.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    internal async ValueTask DeclareAgainAsync(
        Client.IConnection session, Func<ExchangeDeclaration, CancellationToken, ValueTask> declareInternal, CancellationToken cancellationToken)
    {
        ExchangeDeclaration[] exchanges;
        KeyValuePair<string, QueueDeclaration>[] queues;
        BindingDescription[] bindings;
        lock (_gate)
        {
            exchanges = [.. _exchanges.Values];
            queues = [.. _queues];
            bindings = [.. _bindings];
        }

        if (exchanges.Length + queues.Length + bindings.Length == 0)
        {
            return;
        }

        Client.IChannel wire = await session.CreateChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        await using (wire.ConfigureAwait(false))
        {
            foreach (ExchangeDeclaration exchange in exchanges)
            {
                if (exchange.IsInternal)
                {
                    await declareInternal(exchange, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                await DeclareAsync(wire, exchange, cancellationToken).ConfigureAwait(false);
            }

            foreach ((string name, QueueDeclaration queue) in queues)
            {
                // One that outlived the connection has messages, which a new one would not have.
                if (queue.Name.Length == 0 && !queue.IsExclusive && await RabbitChannel.QueueExistsAsync(session, CurrentName(name), cancellationToken).ConfigureAwait(false))
                {
                    continue;
                }

                Client.QueueDeclareOk declared = await DeclareAsync(wire, queue, cancellationToken).ConfigureAwait(false);
                if (declared.QueueName != name)
                {
                    lock (_gate)
                    {
                        _currentNames[name] = declared.QueueName;
                    }
                }
            }

            foreach (BindingDescription binding in bindings)
            {
                await BindAsync(wire, binding, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private Task BindAsync(Client.IChannel wire, BindingDescription binding, CancellationToken cancellationToken)
    {
        Dictionary<string, object?>? arguments = WireTable.ToWire(binding.Arguments);
        return binding.DestinationKind == DestinationKind.Queue
            ? wire.QueueBindAsync(CurrentName(binding.Destination), binding.Source, binding.RoutingKey, arguments, noWait: false, cancellationToken)
            : wire.ExchangeBindAsync(binding.Destination, binding.Source, binding.RoutingKey, arguments, noWait: false, cancellationToken);
    }
}
