namespace EmbeddedMq;

/// <summary>Over which shards messages are spread from some moment on. Immutable.</summary>
/// <param name="Begins">From when on; by each process's own clock.</param>
/// <param name="Shards">The names of the shards; at least one, in any order.</param>
public sealed record ShardLayout(DateTimeOffset Begins, params IReadOnlyList<string> Shards);
