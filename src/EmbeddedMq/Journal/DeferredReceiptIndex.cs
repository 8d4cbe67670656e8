namespace EmbeddedMq.Journal;

/// <summary>Makes an index when the first receipt comes: most brokers never have one, and pay for none.</summary>
/// <remarks>Thread-safe.</remarks>
/// <param name="create">Makes it.</param>
internal sealed class DeferredReceiptIndex(Func<IReceiptIndex> create) : IReceiptIndex
{
    private readonly Lazy<IReceiptIndex> _index = new(create);

    /// <inheritdoc/>
    public long Count => _index.IsValueCreated ? _index.Value.Count : 0;

    /// <inheritdoc/>
    public bool TryFind(UInt128 key, out IndexedReceipt receipt)
    {
        receipt = default;
        return _index.IsValueCreated && _index.Value.TryFind(key, out receipt);
    }

    /// <inheritdoc/>
    public void Put(UInt128 key, in IndexedReceipt receipt) => _index.Value.Put(key, receipt);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_index.IsValueCreated)
        {
            _index.Value.Dispose();
        }
    }
}
