namespace EmbeddedMq.Bindings;

/// <summary>The shards of one weight.</summary>
/// <param name="weight">The weight, from 1.</param>
internal sealed class WeightClass(long weight)
{
    /// <summary>The weight.</summary>
    internal long Weight { get; } = weight;

    /// <summary>The shards.</summary>
    internal CountedList<Shard> Shards { get; } = new();
}
