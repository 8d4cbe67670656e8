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

    /// <summary>Makes a service of each message's scope, unless the application has registered one of its type: what a store hands to the handler,
    /// such as its database transaction. For stores, whose own registering method calls it.</summary>
    /// <typeparam name="TService">Its type.</typeparam>
    /// <param name="create">Makes it, once for a message that asks for it.</param>
    /// <remarks>Without services of its own (no host) an application makes the service itself; this does nothing then.</remarks>
    IIdempotenceBuilder ShareWithHandlers<TService>(Func<IServiceProvider, TService> create)
        where TService : class;
}
