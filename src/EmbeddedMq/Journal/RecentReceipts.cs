namespace EmbeddedMq.Journal;

/// <summary>The receipts that were put or found last: what comes twice mostly does so soon. Each key has one place, which the next of another key takes.</summary>
/// <remarks>
/// <para>Thread-safe. Finding takes no lock and writes nothing: the version of a place is odd while it is written, and another one afterwards.</para>
/// <para>Whoever writes a key sees to it that nobody else writes the same one at the same time. Two that write different keys into one place leave one
/// of them or none there, which is as good.</para>
/// </remarks>
internal sealed class RecentReceipts
{
    private const int Count = 1 << 15; // 1.5 MB

    private readonly Place[] _places = new Place[Count];

    /// <summary>Finds what was put last under a key, if it is still there.</summary>
    /// <param name="key">The key.</param>
    /// <param name="receipt">It.</param>
    internal bool TryFind(UInt128 key, out IndexedReceipt receipt)
    {
        ref Place place = ref PlaceOf(key);
        uint version = Volatile.Read(ref place.Version);
        bool isOfKey = place.Key == key;
        receipt = place.Receipt;
        Volatile.ReadBarrier();
        return isOfKey && version != 0 && version % 2 == 0 && place.Version == version;
    }

    /// <summary>Puts a receipt into the place of its key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="receipt">The receipt.</param>
    internal void Put(UInt128 key, in IndexedReceipt receipt)
    {
        ref Place place = ref PlaceOf(key);
        uint version = Volatile.Read(ref place.Version);
        if (version % 2 != 0 || Interlocked.CompareExchange(ref place.Version, version + 1, version) != version)
        {
            return; // somebody is putting another key there
        }

        place.Key = key;
        place.Receipt = receipt;
        Volatile.Write(ref place.Version, version + 2);
    }

    // Keys are hashes: any bits of them will do.
    private ref Place PlaceOf(UInt128 key) => ref _places[(int)((ulong)key % Count)];

    private struct Place
    {
        internal UInt128 Key;
        internal IndexedReceipt Receipt;
        internal uint Version;
    }
}
