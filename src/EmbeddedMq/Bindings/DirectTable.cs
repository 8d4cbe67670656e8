namespace EmbeddedMq.Bindings;

/// <summary>Destinations by binding keys that must equal the routing key, byte for byte.</summary>
/// <remarks>
/// One writer at a time; readers beside it take no lock. Adding, removing and matching cost one look-up, however many keys there are.
/// Source: AMQP 0-9-1 §3.1.3.1.
/// </remarks>
internal sealed class DirectTable
{
    private readonly KeyedTable _keys = new();

    /// <summary>How many different keys it holds; for the writer.</summary>
    internal int KeyCount => _keys.Count;

    /// <summary>Adds a destination under a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="destination">The destination.</param>
    internal void Add(string key, IDestination destination)
    {
        Entry? entry = Find(key);
        if (entry is not null)
        {
            entry.Destinations.Add(destination);
            return;
        }

        entry = new Entry(key);
        entry.Destinations.Add(destination);
        _keys.Add(entry);
    }

    /// <summary>Removes a destination from a key, once.</summary>
    /// <param name="key">The key.</param>
    /// <param name="destination">The destination.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(string key, IDestination destination)
    {
        Entry? entry = Find(key);
        if (entry is null || !entry.Destinations.Remove(destination))
        {
            return false;
        }

        if (entry.Destinations.IsEmpty)
        {
            _keys.Remove(entry);
        }

        return true;
    }

    /// <summary>Adds the destinations of a key to a set.</summary>
    /// <param name="routingKey">The key.</param>
    /// <param name="destinations">The set.</param>
    internal void Match(string routingKey, DestinationSet destinations) => Find(routingKey)?.Destinations.CollectInto(destinations);

    private Entry? Find(string key) => (Entry?)_keys.Find(key);

    private sealed class Entry(string key) : KeyedEntry(key, 0, key.Length)
    {
        internal Destinations Destinations; // a field, because it is changed in place
    }
}
