namespace EmbeddedMq.Exchanges;

/// <summary>Finds exchanges by name, for routing. One virtual host implements it.</summary>
/// <remarks>Thread-safe, and without waiting.</remarks>
internal interface IExchangeDirectory
{
    /// <summary>
    /// A number that grows with every change that can change a route: queues and exchanges declared or deleted, bindings added or removed,
    /// alternate exchanges set by a policy. It must grow <em>after</em> the change is visible and before the call that changed returns:
    /// a route computed half-way is then kept under the old number, and no route under the new one has missed the change.
    /// </summary>
    long Version { get; }

    /// <summary>The exchange of a name, or <see langword="null"/> when there is none; the empty name is the default exchange.</summary>
    /// <param name="name">The name.</param>
    Exchange? FindExchange(string name);
}
