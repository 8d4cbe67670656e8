using System.Runtime.InteropServices;

namespace EmbeddedMq.Bindings;

/// <summary>The destinations of one message, in the order in which they were found, each once. Reused from message to message.</summary>
/// <remarks>Not thread-safe. After the first messages it allocates nothing while routes stay within <see cref="RetainedCapacity"/>.</remarks>
internal sealed class DestinationSet
{
    /// <summary>How many places are kept from one message to the next. A rare wide route must not hold memory on each of thousands of channels.</summary>
    internal const int RetainedCapacity = 1024;

    // Up to here comparing references one after the other beats hashing them.
    private const int ScanLimit = 16;

    private readonly List<IDestination> _items = [];

    // Holds the same destinations as the list, once the list has outgrown scanning; empty before.
    private HashSet<IDestination>? _index;

    /// <summary>How many different destinations it holds.</summary>
    internal int Count => _items.Count;

    /// <summary>How often <see cref="Add"/> was called since <see cref="Clear"/>, repetitions included: tells "no match" from "nothing new".</summary>
    internal int OfferedCount { get; private set; }

    /// <summary>The destinations in the order of their first addition. Valid until the next change.</summary>
    internal ReadOnlySpan<IDestination> Items => CollectionsMarshal.AsSpan(_items);

    /// <summary>One destination.</summary>
    /// <param name="index">Its place, from 0.</param>
    internal IDestination this[int index] => _items[index];

    /// <summary>Adds a destination unless it is there already.</summary>
    /// <param name="destination">The destination.</param>
    /// <returns>Whether it is new.</returns>
    internal bool Add(IDestination destination)
    {
        OfferedCount++;
        if (_items.Count >= ScanLimit)
        {
            if (!AddToIndex(destination))
            {
                return false;
            }
        }
        else
        {
            foreach (IDestination item in Items)
            {
                if (ReferenceEquals(item, destination))
                {
                    return false;
                }
            }
        }

        _items.Add(destination);
        return true;
    }

    /// <summary>Makes it empty for the next message and lets go of the destinations.</summary>
    internal void Clear()
    {
        OfferedCount = 0;
        if (_index is { Count: > 0 })
        {
            _index.Clear();
        }

        _items.Clear();
        if (_items.Capacity > RetainedCapacity)
        {
            _items.Capacity = RetainedCapacity;
            _index = null;
        }
    }

    private bool AddToIndex(IDestination destination)
    {
        _index ??= new HashSet<IDestination>(ReferenceEqualityComparer.Instance);
        if (_index.Count == 0)
        {
            foreach (IDestination item in Items)
            {
                _index.Add(item);
            }
        }

        return _index.Add(destination);
    }
}
