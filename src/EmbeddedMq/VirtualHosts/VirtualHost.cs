using System.Collections.Concurrent;
using EmbeddedMq.Bindings;
using EmbeddedMq.Errors;
using EmbeddedMq.Exchanges;
using EmbeddedMq.Queues;
using EmbeddedMq.Storage;
using EmbeddedMq.Storage.Records;
using static EmbeddedMq.Storage.Records.TopologyItem;

namespace EmbeddedMq.VirtualHosts;

/// <summary>A virtual host: every name in it, and the control plane that declares, binds and deletes.</summary>
/// <remarks>
/// Names are found without a lock. Whatever changes them holds the topology gate, which is the first in the lock order: under it come the
/// gates of queues, one at a time. Work that a change entails elsewhere (telling consumers, dead-lettering) happens inside the queue's own
/// calls, after its gate. <see cref="Version"/> grows after each change, so that remembered routes are recognised as old.
/// </remarks>
internal sealed partial class VirtualHost : IExchangeDirectory, IQueueDirectory
{
    private readonly BrokerServices _services;
    private readonly Lock _topologyGate = new();
    private readonly ConcurrentDictionary<string, Exchange> _exchanges = new(StringComparer.Ordinal); // written under _topologyGate
    private readonly ConcurrentDictionary<string, Queue> _queues = new(StringComparer.Ordinal);       // written under _topologyGate
    private readonly ConcurrentDictionary<string, IMessageSink> _replyQueues = new(StringComparer.Ordinal);

    // Guarded by _topologyGate.
    private readonly Dictionary<IDestination, HashSet<Binding>> _bindingsTo = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<object, HashSet<Queue>> _exclusiveQueues = new(ReferenceEqualityComparer.Instance); // by connection

    private bool _isEnded;

    private long _version;

    /// <summary>Makes a virtual host with its predeclared exchanges.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="services">What the broker's parts share.</param>
    internal VirtualHost(string name, BrokerServices services)
    {
        Name = name;
        _services = services;
        _deadLetterRouters = new RouterPool(this, services.Names);
        _exchanges[""] = ExchangeFactory.CreateDefault(this);
        foreach (ExchangeDeclaration declaration in PredeclaredExchanges.All)
        {
            _exchanges[declaration.Name] = ExchangeFactory.Create(name, declaration);
        }
    }

    /// <summary>Its name.</summary>
    internal string Name { get; }

    /// <summary>What the broker's parts share.</summary>
    internal BrokerServices Services => _services;

    /// <inheritdoc/>
    public long Version => Volatile.Read(ref _version);

    /// <summary>The exchanges. A snapshot.</summary>
    internal ICollection<Exchange> Exchanges => _exchanges.Values;

    /// <summary>The queues. A snapshot.</summary>
    internal ICollection<Queue> Queues => _queues.Values;

    /// <inheritdoc/>
    public Exchange? FindExchange(string name) => _exchanges.GetValueOrDefault(name);

    /// <inheritdoc/>
    public IDestination? FindQueue(string name)
        => _queues.TryGetValue(name, out Queue? queue) ? queue : _replyQueues.GetValueOrDefault(name);

    /// <summary>Adds a destination that replies go to, under the name that requests carry.</summary>
    /// <param name="replyQueue">The destination.</param>
    internal void AddReplyQueue(IMessageSink replyQueue)
    {
        _replyQueues[replyQueue.Name] = replyQueue;
        Interlocked.Increment(ref _version);
    }

    /// <summary>Removes a destination that replies went to.</summary>
    /// <param name="replyQueue">The destination.</param>
    internal void RemoveReplyQueue(IMessageSink replyQueue)
    {
        _replyQueues.TryRemove(replyQueue.Name, out _);
        Interlocked.Increment(ref _version);
    }

    /// <summary>Whether replies go to a destination of this name now.</summary>
    /// <param name="name">The name.</param>
    internal bool HasReplyQueue(string name) => _replyQueues.ContainsKey(name);

    /// <summary>Declares an exchange, or checks the one that exists.</summary>
    /// <param name="declaration">The declaration.</param>
    /// <exception cref="ChannelException">403 reserved; 406 unequal or invalid.</exception>
    internal void DeclareExchange(ExchangeDeclaration declaration)
    {
        ExchangeFactory.CheckType(declaration.Type); // before the name, whether or not there is such an exchange: the order of RabbitMQ
        RefuseDefaultExchange(declaration.Name);
        lock (_topologyGate)
        {
            if (_exchanges.TryGetValue(declaration.Name, out Exchange? existing))
            {
                ExchangeEquivalence.Check(Name, existing.Declaration, declaration);
                return;
            }

            if (declaration.Name.StartsWith("amq.", StringComparison.Ordinal))
            {
                throw MqErrors.ExchangeNameReserved(declaration.Name);
            }

            Exchange exchange = ExchangeFactory.Create(Name, declaration);
            StoredQueue? stored = declaration.IsDurable && exchange is DelayedExchange ? _services.Store.TryAddQueue() : null;
            if (declaration.IsDurable)
            {
                Note_NeedsGate(new ExchangeDeclared(Name, stored?.Id ?? 0, declaration)); // before anybody can publish to it
            }

            Add_NeedsGate(exchange, stored);
        }
    }

    /// <summary>Checks that an exchange exists.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="ChannelException">403 the default exchange; 404 none.</exception>
    internal void DeclareExchangePassive(string name)
    {
        RefuseDefaultExchange(name);
        _ = GetExchange(name);
    }

    /// <summary>Deletes an exchange, its bindings, and the auto-delete exchanges that thereby lose their last one.</summary>
    /// <param name="name">Its name; one that does not exist is no error.</param>
    /// <param name="ifUnused">Only if no binding has it as its source.</param>
    /// <exception cref="ChannelException">403 predeclared; 406 in use.</exception>
    internal void DeleteExchange(string name, bool ifUnused)
    {
        RefuseDefaultExchange(name);
        if (name.StartsWith("amq.", StringComparison.Ordinal))
        {
            throw MqErrors.SystemExchangeDeletion(Name, name);
        }

        lock (_topologyGate)
        {
            if (!_exchanges.TryGetValue(name, out Exchange? exchange))
            {
                return;
            }

            if (ifUnused && exchange.HasBindings)
            {
                throw MqErrors.ExchangeInUse(Name, name);
            }

            DeleteExchange_NeedsGate(exchange);
            Changed_NeedsGate();
        }
    }

    /// <summary>Adds a binding between two exchanges.</summary>
    /// <param name="destination">The exchange that receives.</param>
    /// <param name="source">The exchange that routes.</param>
    /// <param name="routingKey">The binding key.</param>
    /// <param name="arguments">The arguments.</param>
    /// <exception cref="ChannelException">403 the default exchange; 404 one of them does not exist; 406 the source's type refuses it.</exception>
    internal void BindExchange(string destination, string source, string routingKey, HeaderTable arguments)
    {
        RefuseDefaultExchange(source);
        RefuseDefaultExchange(destination);
        lock (_topologyGate)
        {
            Bind_NeedsGate(GetExchange(source), GetExchange(destination), routingKey, arguments);
        }
    }

    /// <summary>Removes a binding between two exchanges. Whatever is missing is no error.</summary>
    /// <inheritdoc cref="BindExchange" path="/param"/>
    /// <exception cref="ChannelException">403 the default exchange.</exception>
    internal void UnbindExchange(string destination, string source, string routingKey, HeaderTable arguments)
    {
        RefuseDefaultExchange(source);
        RefuseDefaultExchange(destination);
        lock (_topologyGate)
        {
            if (FindExchange(source) is { } from && FindExchange(destination) is { } to)
            {
                Unbind_NeedsGate(from, to, routingKey, arguments);
            }
        }
    }

    /// <summary>Declares a queue, or checks the one that exists.</summary>
    /// <param name="declaration">The declaration; an empty name is made up here.</param>
    /// <param name="connection">The connection that asks.</param>
    /// <returns>The queue.</returns>
    /// <exception cref="ChannelException">403 reserved; 405 exclusive to another connection; 406 unequal or invalid, or too many.</exception>
    internal Queue DeclareQueue(QueueDeclaration declaration, object connection)
    {
        if (declaration.Name.Length == 0)
        {
            if (QueueArguments.FindFaultOfServerName(declaration) is { } fault)
            {
                throw fault;
            }

            declaration = declaration with { Name = _services.Names.Next("amq.gen-") };
        }
        else if (declaration.Name.StartsWith("amq.", StringComparison.Ordinal))
        {
            throw MqErrors.QueueNameReserved(declaration.Name);
        }

        lock (_topologyGate)
        {
            if (_queues.TryGetValue(declaration.Name, out Queue? existing))
            {
                RefuseOtherOwner(existing, connection, declaration.IsExclusive);
                QueueEquivalence.Check(Name, existing.Declaration, declaration);
                return existing;
            }

            if (_queues.Count >= _services.Limits.MaxQueuesPerVirtualHost)
            {
                throw MqErrors.TooManyQueues(Name, declaration.Name, _services.Limits.MaxQueuesPerVirtualHost.Value);
            }

            // An exclusive queue goes with its connection, and no connection outlives the process.
            QueueSettings settings = QueueArguments.Parse(Name, declaration);
            StoredQueue? stored = declaration is { IsDurable: true, IsExclusive: false } ? _services.Store.TryAddQueue() : null;
            if (stored is not null)
            {
                // Before anybody can publish to it: a message must not be safe before its queue is.
                Note_NeedsGate(new TopologyItem.QueueDeclared(Name, stored.Id, declaration));
            }

            Queue queue = Add_NeedsGate(declaration, settings, declaration.IsExclusive ? connection : null, stored);
            NoteOwner_NeedsGate(queue);

            return queue;
        }
    }

    /// <summary>Finds a queue that a connection may use.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="connection">The connection that asks.</param>
    /// <exception cref="ChannelException">404 none; 405 exclusive to another connection.</exception>
    internal Queue GetQueue(string name, object connection)
    {
        if (!_queues.TryGetValue(name, out Queue? queue))
        {
            throw MqErrors.QueueNotFound(Name, name);
        }

        RefuseOtherOwner(queue, connection, queue.ExclusiveOwner is not null);
        return queue;
    }

    /// <summary>Adds a binding of a queue.</summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="exchange">The exchange that routes.</param>
    /// <param name="routingKey">The binding key.</param>
    /// <param name="arguments">The arguments.</param>
    /// <param name="connection">The connection that asks.</param>
    /// <exception cref="ChannelException">403 the default exchange; 404 one of them does not exist; 405 exclusive to another connection; 406 the exchange's type refuses it.</exception>
    internal void BindQueue(string queue, string exchange, string routingKey, HeaderTable arguments, object connection)
    {
        RefuseDefaultExchange(exchange);
        lock (_topologyGate)
        {
            // RabbitMQ's order: the exchange, the queue, the arguments, and only then whether the queue is another connection's.
            Exchange source = GetExchange(exchange);
            if (_queues.TryGetValue(queue, out Queue? destination))
            {
                source.ValidateBinding(new Binding(source.Name, destination, routingKey, arguments));
            }

            Bind_NeedsGate(source, GetQueue(queue, connection), routingKey, arguments);
        }
    }

    /// <summary>Removes a binding of a queue. Whatever is missing is no error.</summary>
    /// <inheritdoc cref="BindQueue" path="/param"/>
    /// <exception cref="ChannelException">403 the default exchange; 405 exclusive to another connection.</exception>
    internal void UnbindQueue(string queue, string exchange, string routingKey, HeaderTable arguments, object connection)
    {
        RefuseDefaultExchange(exchange);
        lock (_topologyGate)
        {
            if (!_queues.TryGetValue(queue, out Queue? destination)
                || FindExchange(exchange) is not { } from
                || !_bindingsTo.TryGetValue(destination, out HashSet<Binding>? bindings)
                || !bindings.Contains(new Binding(from.Name, destination, routingKey, arguments)))
            {
                return; // also where the queue is another connection's
            }

            Unbind_NeedsGate(from, GetQueue(queue, connection), routingKey, arguments);
        }
    }

    /// <summary>Deletes a queue with its messages and bindings.</summary>
    /// <param name="name">Its name; one that does not exist is no error.</param>
    /// <param name="ifUnused">Only if it has no consumer.</param>
    /// <param name="ifEmpty">Only if it has no ready message.</param>
    /// <param name="connection">The connection that asks.</param>
    /// <returns>How many ready messages went with it.</returns>
    /// <exception cref="ChannelException">405 exclusive to another connection; 406 in use or not empty.</exception>
    internal uint DeleteQueue(string name, bool ifUnused, bool ifEmpty, object connection)
    {
        if (!_queues.ContainsKey(name))
        {
            return 0;
        }

        QueueDeletion? deletion = DeleteQueue(GetQueue(name, connection), counts =>
            ifEmpty && counts.MessageCount > 0 ? MqErrors.QueueNotEmpty(Name, name)
            : ifUnused && counts.ConsumerCount > 0 ? MqErrors.QueueInUse(Name, name)
            : null);
        return deletion?.Refusal is { } refusal ? throw refusal : deletion?.ReadyCount ?? 0;
    }

    /// <summary>Deletes a queue whatever it holds.</summary>
    /// <param name="queue">The queue.</param>
    internal void DeleteQueue(Queue queue) => DeleteQueue(queue, static _ => null);

    /// <summary>Deletes the exclusive queues of a connection that has closed.</summary>
    /// <param name="connection">The connection.</param>
    internal void DeleteExclusiveQueues(object connection)
    {
        Queue[] queues;
        lock (_topologyGate)
        {
            queues = _exclusiveQueues.TryGetValue(connection, out HashSet<Queue>? owned) ? [.. owned] : [];
        }

        foreach (Queue queue in queues)
        {
            DeleteQueue(queue);
        }
    }

    /// <summary>Says in the journal that the virtual host is deleted. From here on nothing is said there of its names: by then another may have them.</summary>
    /// <returns><see langword="false"/> when it was deleted already.</returns>
    internal bool TryEnd()
    {
        lock (_topologyGate)
        {
            if (_isEnded)
            {
                return false;
            }

            Note_NeedsGate(new VirtualHostRemoved(Name));
            _isEnded = true;
            return true;
        }
    }

    /// <summary>Deletes every queue, because the virtual host is deleted. What delayed exchanges hold on disk is due at once and finds none: nobody moves it any
    /// more, and the journal would keep all that came after it until then.</summary>
    internal void Clear()
    {
        foreach (Queue queue in _queues.Values)
        {
            DeleteQueue(queue);
        }

        foreach (DelayedMessage delayed in _storedDelayed.Keys)
        {
            _services.Scheduler.Schedule(delayed, _services.Clock.NowMs);
        }
    }

    // The name is freed in the same step in which the queue ceases to take messages: nobody can find one that is dead.
    private QueueDeletion? DeleteQueue(Queue queue, Func<QueueDeclared, Exception?> refuse)
    {
        QueueDeletion? deletion;
        lock (_topologyGate)
        {
            deletion = queue.BeginDelete(refuse);
            if (deletion is { Refusal: null })
            {
                _queues.TryRemove(queue.Name, out _);
                ForgetOwner_NeedsGate(queue);
                RemoveBindingsTo_NeedsGate(queue);
                Changed_NeedsGate();
                if (queue.Stored is { } stored)
                {
                    stored.Close();
                    _services.Store.Append(new QueueDeleted(stored.Id));
                }
            }
        }

        if (deletion is not null)
        {
            queue.CompleteDelete(deletion);
        }

        return deletion;
    }

    private void NoteOwner_NeedsGate(Queue queue)
    {
        if (queue.ExclusiveOwner is not { } connection)
        {
            return;
        }

        if (!_exclusiveQueues.TryGetValue(connection, out HashSet<Queue>? owned))
        {
            owned = [];
            _exclusiveQueues.Add(connection, owned);
        }

        owned.Add(queue);
    }

    private void ForgetOwner_NeedsGate(Queue queue)
    {
        if (queue.ExclusiveOwner is { } connection && _exclusiveQueues.TryGetValue(connection, out HashSet<Queue>? owned) && owned.Remove(queue) && owned.Count == 0)
        {
            _exclusiveQueues.Remove(connection);
        }
    }

    private void Bind_NeedsGate(Exchange source, IDestination destination, string routingKey, HeaderTable arguments)
    {
        Binding binding = new(source.Name, destination, routingKey, arguments);
        source.ValidateBinding(binding);
        if (AddBinding_NeedsGate(source, binding) && IsStored(binding, source))
        {
            Note_NeedsGate(new Bound(Name, source.Name, destination.Kind, destination.Name, routingKey, arguments));
        }
    }

    private bool AddBinding_NeedsGate(Exchange source, Binding binding)
    {
        if (!source.Add(binding))
        {
            return false;
        }

        if (!_bindingsTo.TryGetValue(binding.Destination, out HashSet<Binding>? bindings))
        {
            bindings = [];
            _bindingsTo.Add(binding.Destination, bindings);
        }

        bindings.Add(binding);
        Changed_NeedsGate();
        return true;
    }

    private static bool IsStored(Binding binding, Exchange source) => source.Declaration.IsDurable && binding.Destination switch
    {
        Queue queue => queue.Stored is not null,
        Exchange exchange => exchange.Declaration.IsDurable,
        _ => false,
    };

    private void Add_NeedsGate(Exchange exchange, StoredQueue? stored)
    {
        if (exchange is DelayedExchange delayed)
        {
            delayed.Stored = stored;
        }

        ApplyPolicy_NeedsGate(exchange);
        _exchanges[exchange.Name] = exchange;
        Changed_NeedsGate();
    }

    private Queue Add_NeedsGate(QueueDeclaration declaration, QueueSettings settings, object? exclusiveOwner, StoredQueue? stored)
    {
        Policy? policy = PolicyFor(declaration.Name, settings.Kind);
        Queue queue = new(declaration, settings, settings.Under(policy), exclusiveOwner, this, _services.Scheduler, _services.Memory, stored, _services.Backlog) { Policy = policy };
        _queues[declaration.Name] = queue;
        Changed_NeedsGate();
        return queue;
    }

    private void Unbind_NeedsGate(Exchange source, IDestination destination, string routingKey, HeaderTable arguments)
    {
        Binding binding = new(source.Name, destination, routingKey, arguments);
        if (!source.Remove(binding))
        {
            return;
        }

        if (_bindingsTo.TryGetValue(destination, out HashSet<Binding>? bindings))
        {
            bindings.Remove(binding);
        }

        if (IsStored(binding, source))
        {
            Note_NeedsGate(new Unbound(Name, source.Name, destination.Kind, destination.Name, routingKey, arguments));
        }

        DeleteIfUnused_NeedsGate(source);
        Changed_NeedsGate();
    }

    private void RemoveBindingsTo_NeedsGate(IDestination destination)
    {
        if (!_bindingsTo.Remove(destination, out HashSet<Binding>? bindings))
        {
            return;
        }

        foreach (Binding binding in bindings)
        {
            if (FindExchange(binding.Source) is { } source && source.Remove(binding))
            {
                DeleteIfUnused_NeedsGate(source);
            }
        }
    }

    private void DeleteExchange_NeedsGate(Exchange exchange)
    {
        _exchanges.TryRemove(exchange.Name, out _);
        foreach (Binding binding in exchange.GetBindings())
        {
            if (_bindingsTo.TryGetValue(binding.Destination, out HashSet<Binding>? bindings))
            {
                bindings.Remove(binding);
            }
        }

        RemoveBindingsTo_NeedsGate(exchange);
        if (exchange.Declaration.IsDurable)
        {
            Note_NeedsGate(new ExchangeDeleted(Name, exchange.Name));
        }
    }

    private void DeleteIfUnused_NeedsGate(Exchange source)
    {
        if (source.Declaration.IsAutoDelete && !source.HasBindings && _exchanges.ContainsKey(source.Name))
        {
            DeleteExchange_NeedsGate(source);
        }
    }

    private void Note_NeedsGate(TopologyItem item)
    {
        if (!_isEnded)
        {
            _services.Store.Append(item);
        }
    }

    private void Changed_NeedsGate() => Interlocked.Increment(ref _version);

    private Exchange GetExchange(string name) => FindExchange(name) ?? throw MqErrors.ExchangeNotFound(Name, name);

    private void RefuseOtherOwner(Queue queue, object connection, bool exclusiveWanted)
    {
        bool mayUse = queue.ExclusiveOwner is null ? !exclusiveWanted : ReferenceEquals(queue.ExclusiveOwner, connection) && exclusiveWanted;
        if (!mayUse)
        {
            throw MqErrors.QueueLocked(Name, queue.Name);
        }
    }

    private static void RefuseDefaultExchange(string name)
    {
        if (name.Length == 0)
        {
            throw MqErrors.DefaultExchangeOperation();
        }
    }
}
