namespace EmbeddedMq.Bindings;

/// <summary>A destination that takes a share of the keys of a <see cref="WeightedShards"/>.</summary>
/// <param name="destination">The destination.</param>
internal sealed class Shard(IDestination destination)
{
    /// <summary>The destination.</summary>
    internal IDestination Destination { get; } = destination;

    /// <summary>Makes its draws its own: from kind and name, so that they are the same after a restart.</summary>
    internal ulong Seed { get; } = StableHash.Combine((ulong)destination.Kind, StableHash.OfText(destination.Name));

    /// <summary>The weights that it was added with, in that order; the first counts. For the writer.</summary>
    internal List<long> Weights { get; } = new(1);
}
