namespace EmbeddedMq.Bindings;

/// <summary>Leads each key to one of several destinations, always the same one, in proportion to their weights.</summary>
/// <remarks>
/// <para>Rendezvous hashing: for a key each destination draws a number that depends on the key and the destination only, and the highest
/// wins. Adding a destination therefore moves keys to it and nowhere else, removing it moves its own keys only, and shares follow the
/// weights exactly on average; no ring of points has to be kept, whose size would grow with the weights. Source: Thaler and Ravishankar
/// 1998; weights by -w / ln(u), Schindelhauer and Schomaker 2005.</para>
/// <para>A look-up costs a few nanoseconds for each destination. Shards are few; who has thousands should know.</para>
/// <para>One writer at a time; readers beside it take no lock. Adding and removing cost O(1).</para>
/// </remarks>
internal sealed class WeightedShards
{
    // Within one weight the draws can be compared as they are; the logarithm is needed once for each weight.
    private readonly CountedList<WeightClass> _classes = new(capacity: 1);

    // The writer's only.
    private readonly Dictionary<IDestination, Shard> _shards = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<long, WeightClass> _classOf = [];

    /// <summary>Adds a destination. One that is there already keeps its weight: the new one counts when the earlier have gone.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="weight">Its weight, from 1.</param>
    internal void Add(IDestination destination, long weight)
    {
        if (!_shards.TryGetValue(destination, out Shard? shard))
        {
            shard = new Shard(destination);
            _shards.Add(destination, shard);
        }

        shard.Weights.Add(weight);
        if (shard.Weights.Count == 1)
        {
            Enter(shard, weight);
        }
    }

    /// <summary>Removes one of the weights of a destination, and with the last one the destination.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="weight">The weight.</param>
    /// <returns>Whether it was there.</returns>
    internal bool Remove(IDestination destination, long weight)
    {
        if (!_shards.TryGetValue(destination, out Shard? shard))
        {
            return false;
        }

        int index = shard.Weights.IndexOf(weight);
        if (index < 0)
        {
            return false;
        }

        shard.Weights.RemoveAt(index);
        if (shard.Weights.Count == 0)
        {
            _shards.Remove(destination);
            Leave(shard, weight);
        }
        else if (index == 0)
        {
            // First in, then out: a key that is looked up meanwhile finds the shard.
            Enter(shard, shard.Weights[0]);
            Leave(shard, weight);
        }

        return true;
    }

    /// <summary>Finds the destination of a key.</summary>
    /// <param name="key">The key's hash code.</param>
    /// <returns>The destination, or <see langword="null"/> when there is none.</returns>
    internal IDestination? Find(ulong key)
    {
        Shard? winner = null;
        double highest = double.NegativeInfinity;
        foreach (WeightClass? weightClass in _classes.Places)
        {
            if (weightClass is null)
            {
                continue;
            }

            Shard? best = BestOf(weightClass, key, out ulong draw);
            if (best is null)
            {
                continue;
            }

            double score = Score(weightClass.Weight, draw);
            if (winner is null || score > highest)
            {
                winner = best;
                highest = score;
            }
        }

        return winner?.Destination;
    }

    private static Shard? BestOf(WeightClass weightClass, ulong key, out ulong highest)
    {
        Shard? best = null;
        highest = 0;
        foreach (Shard? shard in weightClass.Shards.Places)
        {
            if (shard is null)
            {
                continue;
            }

            ulong draw = StableHash.Combine(shard.Seed, key);
            if (best is null || draw > highest)
            {
                best = shard;
                highest = draw;
            }
        }

        return best;
    }

    // The draw becomes a number u between 0 and 1; -w / ln(u) grows with it, and the highest of several falls to each with probability w / sum.
    private static double Score(long weight, ulong draw) => -weight / Math.Log(((draw >> 11) + 0.5) * (1.0 / (1ul << 53)));

    private void Enter(Shard shard, long weight)
    {
        if (!_classOf.TryGetValue(weight, out WeightClass? weightClass))
        {
            weightClass = new WeightClass(weight);
            _classOf.Add(weight, weightClass);
            _classes.Add(weightClass);
        }

        weightClass.Shards.Add(shard);
    }

    private void Leave(Shard shard, long weight)
    {
        WeightClass weightClass = _classOf[weight];
        weightClass.Shards.Remove(shard);
        if (weightClass.Shards.Count == 0)
        {
            _classOf.Remove(weight);
            _classes.Remove(weightClass);
        }
    }
}
