namespace EmbeddedMq.Journal;

/// <summary>Finds receipts by their keys: a bounded map in the order of insertion, of which the oldest go first.</summary>
/// <remarks>
/// <para>Thread-safe. It is a cache of the journal: what is in it was read or written there, and a restart fills it again.</para>
/// <para>How many it keeps, and for how long, it is told when it is made; who has been there for longer is not found.</para>
/// </remarks>
internal interface IReceiptIndex : IDisposable
{
    /// <summary>About how many there are.</summary>
    long Count { get; }

    /// <summary>Finds what was put last under a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="receipt">It.</param>
    bool TryFind(UInt128 key, out IndexedReceipt receipt);

    /// <summary>Puts a receipt in the place of an older one of its key, and lets go of the oldest beyond the bounds.</summary>
    /// <param name="key">The key.</param>
    /// <param name="receipt">The receipt.</param>
    void Put(UInt128 key, in IndexedReceipt receipt);
}
