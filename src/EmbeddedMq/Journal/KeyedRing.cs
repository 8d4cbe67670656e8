using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Journal;

/// <summary>Values under keys of 128 bits, in the order in which they were put: any is found by its key, and the oldest leaves first.</summary>
/// <typeparam name="T">The values; without references, so that the garbage collector never looks at millions of them.</typeparam>
/// <remarks>
/// <para>A ring of the values, and an index of it by open addressing: eight bytes with 32 bits of the key and the place in the ring, at most half of
/// them used. A key that is new costs one look at a place that is in no cache, and so does the oldest that leaves; both ends of the ring are written and
/// read in order. A chain through the ring, or a list of keys beside a dictionary, costs twice as many.</para>
/// <para>Both double as they fill, and never shrink. Not thread-safe.</para>
/// </remarks>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "A ring is one.")]
internal sealed class KeyedRing<T>
    where T : unmanaged
{
    private const int FirstLength = 64;
    private const int IndexShare = 2;
    private const ulong Empty = 0;

    private Entry[] _entries = new Entry[FirstLength];              // a power of two
    private ulong[] _index = new ulong[FirstLength * IndexShare];   // the key's lowest bits, and the place in the ring plus one; or Empty
    private long _head;                                             // position of the oldest entry; its place is the position modulo the length
    private long _tail;

    /// <summary>How many keys there are.</summary>
    internal int Count { get; private set; }

    /// <summary>How many values there is room for before it grows.</summary>
    internal int Length => _entries.Length;

    /// <summary>Finds what was put last under a key.</summary>
    /// <param name="key">The key: a hash, so that any bits of it will do to find it by.</param>
    /// <param name="value">It.</param>
    internal bool TryFind(UInt128 key, out T value)
    {
        ulong slot = _index[SlotOf(key)];
        value = slot == Empty ? default : _entries[PlaceIn(slot)].Value;
        return slot != Empty;
    }

    /// <summary>Puts a value behind all others, in place of the one that its key has.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    internal void Put(UInt128 key, in T value)
    {
        if (_tail - _head == _entries.Length)
        {
            MakeRoom();
        }

        int slot = SlotOf(key);
        if (_index[slot] == Empty)
        {
            Count++;
        }

        int place = PlaceOf(_tail++);
        _entries[place] = new Entry(key, value);
        _index[slot] = Content(key, place);
    }

    /// <summary>The oldest value, which may have been replaced by a newer one.</summary>
    /// <param name="value">It.</param>
    internal bool TryPeek(out T value)
    {
        value = _head == _tail ? default : _entries[PlaceOf(_head)].Value;
        return _head != _tail;
    }

    /// <summary>Drops what <see cref="TryPeek"/> shows.</summary>
    internal void Drop()
    {
        int place = PlaceOf(_head++);
        UInt128 key = _entries[place].Key;
        int slot = SlotOf(key);
        if (_index[slot] == Content(key, place))
        {
            Count--;
            Clear(slot);
        }
    }

    private static ulong Content(UInt128 key, int place) => ((ulong)key << 32) | ((uint)place + 1);

    private static int PlaceIn(ulong slot) => (int)((uint)slot - 1);

    private int PlaceOf(long position) => (int)(position & (_entries.Length - 1));

    private int HomeOf(uint keyBits) => (int)(keyBits & (uint)(_index.Length - 1));

    // The slot of a key, or the empty one where it would be.
    private int SlotOf(UInt128 key)
    {
        uint bits = (uint)key;
        int slot = HomeOf(bits);
        while (_index[slot] is not Empty and ulong content && ((uint)(content >> 32) != bits || _entries[PlaceIn(content)].Key != key))
        {
            slot = HomeOf((uint)slot + 1);
        }

        return slot;
    }

    // Those behind it move up, as far as that brings them nearer to where they belong: so no search meets a hole before what it looks for.
    private void Clear(int slot)
    {
        int mask = _index.Length - 1;
        for (int next = (slot + 1) & mask; _index[next] != Empty; next = (next + 1) & mask)
        {
            int home = HomeOf((uint)(_index[next] >> 32));
            if (((next - home) & mask) >= ((next - slot) & mask))
            {
                _index[slot] = _index[next];
                slot = next;
            }
        }

        _index[slot] = Empty;
    }

    // What was replaced is not taken along; where that is half of it, there is room without growing.
    private void MakeRoom()
    {
        Entry[] old = _entries;
        Entry[] kept = Count > old.Length / 2 ? new Entry[checked(old.Length * 2)] : new Entry[old.Length];
        int count = 0;
        for (; _head < _tail; _head++)
        {
            int place = PlaceOf(_head);
            if (_index[SlotOf(old[place].Key)] == Content(old[place].Key, place))
            {
                kept[count++] = old[place];
            }
        }

        _entries = kept;
        _index = new ulong[kept.Length * IndexShare];
        (_head, _tail) = (0, count);
        for (int place = 0; place < count; place++)
        {
            _index[SlotOf(kept[place].Key)] = Content(kept[place].Key, place);
        }
    }

    // The key in two halves: UInt128 would be aligned to sixteen bytes, and so would the whole.
    private readonly struct Entry(UInt128 key, in T value)
    {
        private readonly ulong _high = (ulong)(key >> 64);
        private readonly ulong _low = (ulong)key;

        internal readonly T Value = value;

        internal UInt128 Key => new(_high, _low);
    }
}
