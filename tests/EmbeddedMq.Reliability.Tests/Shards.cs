namespace EmbeddedMq.Reliability.Tests;

/// <summary>Makes sharded stores of stores in memory.</summary>
internal static class Shards
{
    /// <summary>Three new and empty ones: a, b and c.</summary>
    public static Dictionary<string, IIdempotenceStore> Three(TimeProvider time)
        => ((string[])["a", "b", "c"]).ToDictionary(static name => name, IIdempotenceStore (_) => new MemoryIdempotenceStore(new MemoryIdempotenceOptions { TimeProvider = time }));

    /// <summary>A store over shards, as one instance with these layouts sees them.</summary>
    public static ShardedIdempotenceStore Store(TimeProvider time, Dictionary<string, IIdempotenceStore> stores, params ShardLayout[] layouts)
    {
        ShardedIdempotenceOptions options = new() { TimeProvider = time };
        foreach ((string name, IIdempotenceStore store) in stores)
        {
            options.Stores.Add(name, store);
        }

        foreach (ShardLayout layout in layouts)
        {
            options.Layouts.Add(layout);
        }

        return new ShardedIdempotenceStore(options);
    }
}
