using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Leads messages to destinations by its bindings; each type of exchange is a subclass that answers one question.</summary>
/// <remarks>
/// Bindings are added and removed by one thread at a time (the holder of the virtual host's topology gate). Routing and the counters are
/// thread-safe and take no lock: a message that is routed while a binding changes meets it or does not, and meets every other binding.
/// </remarks>
/// <param name="declaration">What it was declared with.</param>
internal abstract class Exchange(ExchangeDeclaration declaration) : IDestination
{
    // A leaf of the lock order: listings take it without the topology gate, and nothing else is locked under it.
    private readonly Lock _bindingsGate = new();

    // Guarded by _bindingsGate.
    private readonly HashSet<Binding> _bindings = [];
    private HashSet<PublishTally>? _tallies;

    private volatile int _bindingCount;
    private volatile string? _effectiveAlternate = declaration.Arguments.GetValueOrDefault(ExchangeArgument.AlternateExchange) as string;
    private long _publishedCount;

    /// <summary>What it was declared with.</summary>
    internal ExchangeDeclaration Declaration { get; } = declaration;

    /// <inheritdoc/>
    public string Name => Declaration.Name;

    /// <inheritdoc/>
    public DestinationKind Kind => DestinationKind.Exchange;

    /// <summary>How many bindings it has as a source.</summary>
    internal int BindingCount => _bindingCount;

    /// <summary>Whether it has bindings as a source.</summary>
    internal bool HasBindings => _bindingCount > 0;

    /// <summary>
    /// Whether its destinations depend on the routing key and the topology only, not on headers, other properties or chance, so that a
    /// route may be remembered until the topology changes.
    /// </summary>
    internal abstract bool RoutesByKeyOnly { get; }

    /// <summary>Whether each key of a message is routed, CC and BCC included, or the message once with the first key.</summary>
    internal virtual bool RoutesEveryKey => false;

    /// <summary>
    /// Where messages go that match nothing here: the argument's exchange or, without that argument, the policy's; <see langword="null"/>
    /// for nowhere. It begins as the argument; whoever applies policies sets it, and then raises <see cref="IExchangeDirectory.Version"/>.
    /// </summary>
    internal string? EffectiveAlternate
    {
        get => _effectiveAlternate;
        set => _effectiveAlternate = value;
    }

    /// <summary>Messages published to it by applications.</summary>
    internal long PublishedCount
    {
        get
        {
            lock (_bindingsGate)
            {
                return Volatile.Read(ref _publishedCount) + (_tallies?.Sum(static tally => tally.Count) ?? 0);
            }
        }
    }

    /// <summary>Counts messages published to it.</summary>
    /// <param name="count">How many.</param>
    internal void CountPublished(long count = 1) => Interlocked.Add(ref _publishedCount, count);

    /// <summary>Makes a counter for one router; it counts until <see cref="Close"/>.</summary>
    internal PublishTally OpenTally()
    {
        PublishTally tally = new(this);
        lock (_bindingsGate)
        {
            (_tallies ??= []).Add(tally);
        }

        return tally;
    }

    /// <summary>Takes over what a router has counted; nothing is counted there any more.</summary>
    /// <param name="tally">Its counter.</param>
    internal void Close(PublishTally tally)
    {
        lock (_bindingsGate)
        {
            if (_tallies?.Remove(tally) == true)
            {
                CountPublished(tally.Count);
            }
        }
    }

    /// <summary>Adds the destinations whose bindings match; allocates nothing in the steady state.</summary>
    /// <param name="message">The message and one of its keys.</param>
    /// <param name="destinations">Where to add them.</param>
    internal abstract void CollectDestinations(in RoutingContext message, DestinationSet destinations);

    /// <summary>Refuses a binding that makes no sense for this type.</summary>
    /// <param name="binding">The binding.</param>
    /// <exception cref="ChannelException">406: what the type demands of the key, the arguments or the destination does not hold.</exception>
    internal virtual void ValidateBinding(Binding binding)
    {
    }

    /// <summary>Adds a valid binding; needs the topology gate.</summary>
    /// <param name="binding">The binding, with this exchange as its source.</param>
    /// <returns>Whether it is new; an equal one that exists already stays, and nothing changes.</returns>
    internal bool Add(Binding binding)
    {
        lock (_bindingsGate)
        {
            if (!_bindings.Add(binding))
            {
                return false;
            }

            OnAdded(binding);
            _bindingCount = _bindings.Count;
            return true;
        }
    }

    /// <summary>Removes the binding that equals the given one; needs the topology gate.</summary>
    /// <param name="binding">The binding.</param>
    /// <returns>Whether there was one.</returns>
    internal bool Remove(Binding binding)
    {
        lock (_bindingsGate)
        {
            // What was added is what must be removed: an equal binding may hold another object of a destination deleted and declared again.
            if (!_bindings.TryGetValue(binding, out Binding? added))
            {
                return false;
            }

            _bindings.Remove(added);
            OnRemoved(added);
            _bindingCount = _bindings.Count;
            if (_bindings.Count < _bindings.Capacity / 8)
            {
                _bindings.TrimExcess(_bindings.Count * 2);
            }

            return true;
        }
    }

    /// <summary>The bindings that it has as a source, as they are now. Thread-safe.</summary>
    internal Binding[] GetBindings()
    {
        lock (_bindingsGate)
        {
            return [.. _bindings];
        }
    }

    /// <summary>Makes a new binding part of the routing. One caller at a time, readers beside it.</summary>
    /// <param name="binding">The binding.</param>
    internal abstract void OnAdded(Binding binding);

    /// <summary>Takes a binding, the same object that was added, out of the routing. One caller at a time, readers beside it.</summary>
    /// <param name="binding">The binding.</param>
    internal abstract void OnRemoved(Binding binding);
}
