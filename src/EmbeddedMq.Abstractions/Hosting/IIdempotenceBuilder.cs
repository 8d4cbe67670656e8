namespace EmbeddedMq;

/// <summary>How processed messages are remembered, for all idempotent consumers of one broker.</summary>
/// <remarks>Not thread-safe.</remarks>
public interface IIdempotenceBuilder
{
    /// <summary>Remembers them in a store of the application's choice. Default: the broker's own (<see cref="IBrokerStores.Idempotence"/>); a broker
    /// that has none makes this necessary.</summary>
    /// <param name="create">Makes the store, once. It is disposed with the application if it can be.</param>
    IIdempotenceBuilder UseStore(Func<IServiceProvider, IIdempotenceStore> create);

    /// <summary>How long a claim holds without a sign of life from its holder. Default 1 minute. Handlers may run longer: claims are renewed meanwhile.</summary>
    /// <param name="lease">1 second to 1 day.</param>
    IIdempotenceBuilder Lease(TimeSpan lease);
}
