using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Finds queues by name, for the default exchange.</summary>
/// <remarks>Thread-safe, and without waiting.</remarks>
internal interface IQueueDirectory
{
    /// <summary>The queue of a name, or <see langword="null"/> when there is none.</summary>
    /// <param name="name">The name.</param>
    IDestination? FindQueue(string name);
}
