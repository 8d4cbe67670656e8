using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Bindings;

/// <summary>Items in the order of their first addition, each with the number of times it was added: the destinations that share a binding key.</summary>
/// <remarks>
/// One writer at a time; readers beside it take no lock, and meet every item that is there from the beginning to the end of their reading.
/// Adding and removing cost O(1) however many items there are: removing leaves a hole, and holes go when they are half of the places.
/// </remarks>
/// <typeparam name="T">The items, compared by reference.</typeparam>
internal sealed class CountedList<T>
    where T : class
{
    // Up to here the writer finds an item by comparing references.
    private const int ScanLimit = 8;

    // At least a quarter of the places of a long list are taken, so all these draws miss once in a hundred million times.
    private const int PickAttempts = 64;

    // Replaced whole when items move, so that a reader meets each of them once; else items come into empty places and go out of theirs.
    private T?[] _places;

    // The writer's only.
    private int _length; // places that were taken since they moved
    private int[] _counts;
    private Dictionary<T, int>? _placeOf; // kept beyond ScanLimit

    /// <summary>Makes an empty list.</summary>
    /// <param name="capacity">How many items it takes before it grows.</param>
    internal CountedList(int capacity = 4)
    {
        _places = new T?[capacity];
        _counts = new int[capacity];
    }

    /// <summary>How many different items it holds; for the writer.</summary>
    internal int Count { get; private set; }

    /// <summary>The places to read: items in order, and <see langword="null"/> where there is none. Taken once per reading.</summary>
    internal ReadOnlySpan<T?> Places => Volatile.Read(ref _places);

    /// <summary>Adds an item, or counts it once more.</summary>
    /// <param name="item">The item.</param>
    internal void Add(T item)
    {
        int place = PlaceOf(item);
        if (place >= 0)
        {
            _counts[place]++;
            return;
        }

        if (_length == _places.Length)
        {
            MoveTo(Math.Max(4, Count * 2));
        }

        place = _length;
        _counts[place] = 1;
        Volatile.Write(ref _places[place], item);
        _length++;
        Count++;
        RememberPlace(item, place);
    }

    /// <summary>Counts an item once less, and removes it when none is left.</summary>
    /// <param name="item">The item.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(T item)
    {
        int place = PlaceOf(item);
        if (place < 0)
        {
            return false;
        }

        if (--_counts[place] > 0)
        {
            return true;
        }

        Volatile.Write(ref _places[place], null);
        _placeOf?.Remove(item);
        Count--;
        if (_length > ScanLimit && Count <= _length / 2)
        {
            MoveTo(Math.Max(4, Count + (Count / 2)));
        }

        return true;
    }

    /// <summary>Takes one item, each with the same probability.</summary>
    /// <param name="random">The generator.</param>
    /// <param name="item">The item.</param>
    /// <returns>Whether there is one.</returns>
    internal bool TryPick(Random random, [NotNullWhen(true)] out T? item)
    {
        ReadOnlySpan<T?> places = Places;
        for (int attempt = 0; attempt < PickAttempts && !places.IsEmpty; attempt++)
        {
            item = places[random.Next(places.Length)];
            if (item is not null)
            {
                return true;
            }
        }

        // A short list may be nearly empty. Going through it once, each item takes the place of the earlier ones with its fair share.
        item = null;
        int met = 0;
        foreach (T? place in places)
        {
            if (place is not null && random.Next(++met) == 0)
            {
                item = place;
            }
        }

        return item is not null;
    }

    private int PlaceOf(T item)
    {
        if (_placeOf is not null)
        {
            return _placeOf.TryGetValue(item, out int place) ? place : -1;
        }

        for (int i = 0; i < _length; i++)
        {
            if (ReferenceEquals(_places[i], item))
            {
                return i;
            }
        }

        return -1;
    }

    private void RememberPlace(T item, int place)
    {
        if (_placeOf is not null)
        {
            _placeOf.Add(item, place);
        }
        else if (_length > ScanLimit)
        {
            IndexPlaces();
        }
    }

    private void IndexPlaces()
    {
        _placeOf = new Dictionary<T, int>(Count, ReferenceEqualityComparer.Instance);
        for (int i = 0; i < _length; i++)
        {
            if (_places[i] is { } item)
            {
                _placeOf.Add(item, i);
            }
        }
    }

    private void MoveTo(int capacity)
    {
        T?[] places = new T?[capacity];
        int[] counts = new int[capacity];
        int length = 0;
        for (int i = 0; i < _length; i++)
        {
            if (_places[i] is { } item)
            {
                places[length] = item;
                counts[length++] = _counts[i];
            }
        }

        _counts = counts;
        Volatile.Write(ref _places, places);
        _length = length;
        _placeOf = null;
        if (length > ScanLimit)
        {
            IndexPlaces();
        }
    }
}
