using EmbeddedMq.Bindings;

namespace EmbeddedMq.Exchanges;

/// <summary>Where a message goes.</summary>
/// <remarks>A view of the router's own memory: valid until the next call to the router it came from, and only under what guards that.</remarks>
internal readonly ref struct RouteResult
{
    /// <summary>Makes a result.</summary>
    /// <param name="source">The exchange that was published to.</param>
    /// <param name="queues">The queues, each once.</param>
    /// <param name="delayed">The delayed exchanges that must hold the message, each once.</param>
    internal RouteResult(Exchange source, ReadOnlySpan<IDestination> queues, ReadOnlySpan<DelayedExchange> delayed)
    {
        Source = source;
        Queues = queues;
        Delayed = delayed;
    }

    /// <summary>The exchange that was published to.</summary>
    internal Exchange Source { get; }

    /// <summary>The queues that receive the message now; each is of kind <see cref="DestinationKind.Queue"/> and appears once.</summary>
    internal ReadOnlySpan<IDestination> Queues { get; }

    /// <summary>
    /// The delayed exchanges that the message reached with a pending delay, directly or through bindings between exchanges; usually none.
    /// Each holds a copy for <see cref="DelayedExchange.TryGetDelay"/> and then publishes <see cref="DelayedExchange.MarkDelayed"/> of it
    /// to itself.
    /// </summary>
    internal ReadOnlySpan<DelayedExchange> Delayed { get; }

    /// <summary>Whether a queue takes the message at once, or a delayed exchange holds it.</summary>
    internal bool IsRouted => !Queues.IsEmpty || !Delayed.IsEmpty;
}
