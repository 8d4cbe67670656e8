namespace EmbeddedMq.Bindings;

/// <summary>A hash table of entries that hold their keys: eight to twenty-four bytes for an entry, found by a part of a string.</summary>
/// <remarks>
/// <para>One writer at a time; readers beside it take no lock, and find every entry that is there while they look.</para>
/// <para>Not a ConcurrentDictionary, because that needs 56 bytes more for an entry and some hundreds for each table, and a trie of topics
/// has very many of both.</para>
/// </remarks>
internal sealed class KeyedTable
{
    private const int MinCapacity = 4;

    // Stands where an entry was removed: a search goes on behind it, and a new entry may take its place.
    private static readonly KeyedEntry Removed = new RemovedEntry();

    // Open addressing with linear probing; a power of two long and never full. Replaced whole when it grows or shrinks.
    private KeyedEntry?[] _slots = new KeyedEntry?[MinCapacity];

    private int _usedCount; // entries and what was removed

    /// <summary>How many entries it holds; for the writer.</summary>
    internal int Count { get; private set; }

    /// <summary>The hash code of a key: different from run to run, so that nobody can choose keys that collide.</summary>
    /// <param name="key">The key.</param>
    internal static int HashOf(ReadOnlySpan<char> key) => string.GetHashCode(key);

    /// <summary>Finds an entry.</summary>
    /// <param name="key">Its key.</param>
    /// <returns>The entry, or <see langword="null"/>.</returns>
    internal KeyedEntry? Find(ReadOnlySpan<char> key)
    {
        KeyedEntry?[] slots = Volatile.Read(ref _slots);
        int mask = slots.Length - 1;
        int hash = HashOf(key);
        for (int i = hash & mask; ; i = (i + 1) & mask)
        {
            KeyedEntry? entry = Volatile.Read(ref slots[i]);
            if (entry is null)
            {
                return null;
            }

            if (entry.Hash == hash && !ReferenceEquals(entry, Removed) && entry.Key.SequenceEqual(key))
            {
                return entry;
            }
        }
    }

    /// <summary>Adds an entry whose key is not there yet.</summary>
    /// <param name="entry">The entry.</param>
    internal void Add(KeyedEntry entry)
    {
        if ((_usedCount + 1) * 4 > _slots.Length * 3)
        {
            Rebuild(Math.Max(MinCapacity, (Count + 1) * 2));
        }

        int slot = SlotFor(_slots, entry.Hash);
        _usedCount += _slots[slot] is null ? 1 : 0;
        Volatile.Write(ref _slots[slot], entry);
        Count++;
    }

    /// <summary>Removes an entry.</summary>
    /// <param name="entry">The entry.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(KeyedEntry entry)
    {
        int mask = _slots.Length - 1;
        for (int i = entry.Hash & mask; _slots[i] is { } found; i = (i + 1) & mask)
        {
            if (ReferenceEquals(found, entry))
            {
                Volatile.Write(ref _slots[i], Removed);
                Count--;
                if (_slots.Length > MinCapacity && Count * 8 < _slots.Length)
                {
                    Rebuild(Math.Max(MinCapacity, Count * 2));
                }

                return true;
            }
        }

        return false;
    }

    private void Rebuild(int minCapacity)
    {
        KeyedEntry?[] slots = new KeyedEntry?[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)minCapacity)];
        foreach (KeyedEntry? entry in _slots)
        {
            if (entry is not null && !ReferenceEquals(entry, Removed))
            {
                slots[SlotFor(slots, entry.Hash)] = entry;
            }
        }

        _usedCount = Count;
        Volatile.Write(ref _slots, slots);
    }

    private static int SlotFor(KeyedEntry?[] slots, int hash)
    {
        int mask = slots.Length - 1;
        int i = hash & mask;
        while (slots[i] is { } taken && !ReferenceEquals(taken, Removed))
        {
            i = (i + 1) & mask;
        }

        return i;
    }

    private sealed class RemovedEntry() : KeyedEntry("", 0, 0);
}
