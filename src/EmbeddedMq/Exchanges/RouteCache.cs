using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Remembers where the keys that come often lead, for one version of the topology.</summary>
/// <remarks>
/// <para>Not thread-safe: belongs to a <see cref="Router"/>. It is bounded in routes and in destinations, begins small, and grows when keys
/// compete. A key is remembered when it comes the second time, so that keys which never come again (an order number in each) cost no
/// memory and push nobody out.</para>
/// <para>Only routes that depend on key and topology alone may be stored: no headers, no chance, no CC or BCC.</para>
/// </remarks>
internal sealed class RouteCache
{
    /// <summary>Most routes at a time.</summary>
    internal const int MaxRoutes = 256;

    /// <summary>Most destinations of all its routes together. A route with more is never stored: beside enqueuing to each, finding them is nothing.</summary>
    internal const int MaxDestinations = 4096;

    private const int MinSlots = 16;

    private readonly List<PublishTally> _tallies = []; // one for each exchange that routes begin at

    // A power of two long; each route has one slot where it may be. Empty until the first route is offered, for the many channels that
    // only consume.
    private Slot[] _slots = [];
    private RememberedRoute? _lastHit;
    private int _destinationCount;
    private long _version = -1;
    private bool _isClosed;

    /// <summary>Looks a route up.</summary>
    /// <param name="exchange">The exchange's name.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="version">The topology's version now.</param>
    /// <param name="source">The exchange.</param>
    /// <param name="queues">The queues.</param>
    /// <returns>Whether it is there, and of that version.</returns>
    internal bool TryGet(
        string exchange, string routingKey, long version, [NotNullWhen(true)] out Exchange? source, [NotNullWhen(true)] out IDestination[]? queues)
    {
        RememberedRoute? route = Find(exchange, routingKey, version);
        source = route?.Source;
        queues = route?.Queues;
        return route is not null;
    }

    /// <summary>Looks a route up.</summary>
    /// <param name="exchange">The exchange's name.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="version">The topology's version now.</param>
    /// <returns>The route; <see langword="null"/> if it is not there, or of another version.</returns>
    internal RememberedRoute? Find(string exchange, string routingKey, long version)
    {
        if (version != _version || _slots.Length == 0)
        {
            return null;
        }

        // The same key again is the usual case, and comparing is cheaper than hashing.
        if (_lastHit is { } last && last.Leads(exchange, routingKey))
        {
            return last;
        }

        RememberedRoute? found = _slots[HashOf(exchange, routingKey) & (_slots.Length - 1)].Route;
        return found is not null && found.Leads(exchange, routingKey) ? _lastHit = found : null;
    }

    /// <summary>Offers a route that <see cref="TryGet"/> did not find.</summary>
    /// <param name="source">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="version">The topology's version, read before routing.</param>
    /// <param name="queues">The queues.</param>
    /// <returns>Whether the key came before, so that the route should be stored with <see cref="Store"/>.</returns>
    internal bool IsWorthStoring(Exchange source, string routingKey, long version, ReadOnlySpan<IDestination> queues)
    {
        if (queues.Length > MaxDestinations || _isClosed)
        {
            return false;
        }

        Prepare(version);
        int hash = HashOf(source.Name, routingKey);
        ref Slot slot = ref _slots[hash & (_slots.Length - 1)];
        if (slot.HasCandidate && slot.CandidateHash == hash)
        {
            return true;
        }

        slot.HasCandidate = true;
        slot.CandidateHash = hash;
        return false;
    }

    /// <summary>Stores a route, directly after <see cref="IsWorthStoring"/> said so.</summary>
    /// <param name="source">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="queues">The queues.</param>
    internal void Store(Exchange source, string routingKey, ReadOnlySpan<IDestination> queues)
    {
        if (_destinationCount + queues.Length > MaxDestinations)
        {
            Clear();
        }

        int hash = HashOf(source.Name, routingKey);
        if (_slots[hash & (_slots.Length - 1)].Route is not null && _slots.Length < MaxRoutes)
        {
            Grow();
        }

        ref Slot slot = ref _slots[hash & (_slots.Length - 1)];
        _destinationCount += queues.Length - (slot.Route?.Queues.Length ?? 0);
        slot = new Slot { Route = new RememberedRoute(source, routingKey, queues.ToArray(), hash, TallyOf(source)) };
    }

    /// <summary>Forgets all routes, gives the exchanges what was counted on them, and remembers none any more.</summary>
    internal void Close()
    {
        _isClosed = true;
        Clear();
        _slots = [];
    }

    private PublishTally TallyOf(Exchange source)
    {
        if (_tallies.Find(tally => ReferenceEquals(tally.Source, source)) is not { } tally)
        {
            tally = source.OpenTally();
            _tallies.Add(tally);
        }

        return tally;
    }

    private void Prepare(long version)
    {
        if (_slots.Length == 0)
        {
            _slots = new Slot[MinSlots];
        }

        if (_version != version)
        {
            // Routes of another version must not keep deleted queues in memory.
            Clear();
            _version = version;
        }
    }

    private void Clear()
    {
        Array.Clear(_slots);
        _lastHit = null;
        _destinationCount = 0;
        foreach (PublishTally tally in _tallies)
        {
            tally.Source.Close(tally);
        }

        _tallies.Clear();
    }

    private void Grow()
    {
        Slot[] slots = new Slot[_slots.Length * 4];
        foreach (Slot slot in _slots)
        {
            if (slot.Route is { } route)
            {
                slots[route.Hash & (slots.Length - 1)] = slot; // its own: two that shared no slot among few share none among more
            }
        }

        _slots = slots;
    }

    private static int HashOf(string exchange, string routingKey)
        => (string.GetHashCode(exchange, StringComparison.Ordinal) * 31) + string.GetHashCode(routingKey, StringComparison.Ordinal);

    private struct Slot
    {
        internal RememberedRoute? Route;

        // The key that came last and is not stored: the hash code suffices, a false match stores a route too early and no more.
        internal int CandidateHash;
        internal bool HasCandidate;
    }
}
