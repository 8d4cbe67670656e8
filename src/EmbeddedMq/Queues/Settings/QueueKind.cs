namespace EmbeddedMq.Queues;

/// <summary>What the argument <c>x-queue-type</c> asked for.</summary>
/// <remarks>Both are one implementation here: within one process there is nothing to replicate. The kind decides which declarations are
/// refused, which arguments are compared and which policies apply, so that an application behaves the same on a real server.</remarks>
internal enum QueueKind
{
    /// <summary><c>classic</c>; also what an absent argument means.</summary>
    Classic,

    /// <summary><c>quorum</c>: durable, not exclusive, not auto-delete, named by its declarer.</summary>
    Quorum,
}
