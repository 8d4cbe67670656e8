using EmbeddedMq.LoadTests.Measuring;

namespace EmbeddedMq.LoadTests.Peers.Buses;

/// <summary>A .NET message bus within this process: what the scenarios need of each.</summary>
/// <remarks>A message counts when its handler has returned, which is when a bus acknowledges it. How many handlers run at once is what the bus
/// recommends, in every scenario: with one at a time each of them is slower.</remarks>
internal abstract class Bus : IAsyncDisposable
{
    /// <summary>How many queues a broadcast goes to.</summary>
    protected const int Queues = 4;

    /// <summary>Where handlers count.</summary>
    protected Arrivals Arrivals { get; } = new();

    /// <summary>S1, S3: publishers, one queue, a handler.</summary>
    internal Task<Outcome> SendAsync(int publishers, long count, LatencyHistogram latencies)
        => PublishingLoop.RunAsync(publishers, count, 1, Arrivals, NewSender, latencies);

    /// <summary>S2: one publisher, four queues, a handler for each.</summary>
    internal Task<Outcome> BroadcastAsync(long count, LatencyHistogram latencies)
        => PublishingLoop.RunAsync(1, count, Queues, Arrivals, NewBroadcaster, latencies);

    /// <summary>S4: one request at a time.</summary>
    internal abstract Task<Outcome> AskAsync(long count, LatencyHistogram latencies);

    /// <summary>S8: typed messages to a handler out of a container.</summary>
    internal Task<Outcome> OrderAsync(long count, LatencyHistogram latencies)
        => PublishingLoop.RunAsync(1, count, 1, Arrivals, NewOrderer, latencies);

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();

    /// <summary>Makes what one publisher sends a <see cref="Parcel"/> with.</summary>
    protected abstract Func<ValueTask> NewSender();

    /// <summary>Makes what one publisher sends a <see cref="Broadcast"/> with.</summary>
    protected abstract Func<ValueTask> NewBroadcaster();

    /// <summary>Makes what one publisher sends an <see cref="Order"/> with.</summary>
    protected abstract Func<ValueTask> NewOrderer();
}
