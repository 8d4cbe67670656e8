using System.Collections.Concurrent;
using EmbeddedMq.Exchanges;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Routers for messages that no channel publishes: dead letters and delayed messages, on whatever thread they come up.</summary>
/// <remarks>Thread-safe. A dead letter may cause another while it is routed, so that one router is not enough even on one thread.</remarks>
/// <param name="exchanges">The exchanges of the virtual host.</param>
/// <param name="names">For the seeds.</param>
internal sealed class RouterPool(IExchangeDirectory exchanges, NameGenerator names)
{
    private readonly ConcurrentBag<Router> _free = [];

    /// <summary>Takes a router.</summary>
    internal Router Rent() => _free.TryTake(out Router? router) ? router : new Router(exchanges, names.NextSeed());

    /// <summary>Gives it back.</summary>
    /// <param name="router">The router.</param>
    internal void Return(Router router) => _free.Add(router);
}
