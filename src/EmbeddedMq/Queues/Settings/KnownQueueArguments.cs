using System.Collections.Frozen;

namespace EmbeddedMq.Queues;

/// <summary>Which arguments each kind of queue knows. Only these are validated and compared; unknown ones are kept without effect.</summary>
/// <remarks>
/// Source: RabbitMQ, <c>queue_arguments</c> in the capabilities of rabbit_classic_queue, rabbit_quorum_queue and rabbit_stream_queue, in their
/// order, which is the order in which differences are reported. Two deliberate differences: delivery limit and priorities on both kinds.
/// </remarks>
internal static class KnownQueueArguments
{
    /// <summary>Of RabbitMQ, without effect here.</summary>
    internal const string
        QueueMode = "x-queue-mode",
        QueueVersion = "x-queue-version",
        DeadLetterStrategy = "x-dead-letter-strategy",
        MaxInMemoryLength = "x-max-in-memory-length",
        MaxInMemoryBytes = "x-max-in-memory-bytes",
        QuorumInitialGroupSize = "x-quorum-initial-group-size",
        QueueLeaderLocator = "x-queue-leader-locator",
        QueueMasterLocator = "x-queue-master-locator";

    private static readonly string[] Classic =
    [
        QueueArgument.Expires, QueueArgument.MessageTtl, QueueArgument.DeadLetterExchange, QueueArgument.DeadLetterRoutingKey,
        QueueArgument.MaxLength, QueueArgument.MaxLengthBytes, QueueArgument.MaxPriority, QueueArgument.Overflow, QueueMode, QueueVersion,
        QueueArgument.SingleActiveConsumer, QueueArgument.QueueType, QueueMasterLocator, QueueLeaderLocator, QueueArgument.DeliveryLimit,
    ];

    private static readonly string[] Quorum =
    [
        QueueArgument.DeadLetterExchange, QueueArgument.DeadLetterRoutingKey, DeadLetterStrategy, QueueArgument.Expires,
        QueueArgument.MaxLength, QueueArgument.MaxLengthBytes, MaxInMemoryLength, MaxInMemoryBytes, QueueArgument.Overflow,
        QueueArgument.SingleActiveConsumer, QueueArgument.QueueType, QuorumInitialGroupSize, QueueArgument.DeliveryLimit,
        QueueArgument.MessageTtl, QueueLeaderLocator, QueueArgument.MaxPriority,
    ];

    private static readonly string[] StreamOnly = ["x-max-age", "x-stream-max-segment-size-bytes", "x-stream-filter-size-bytes", "x-initial-cluster-size"];

    private static readonly FrozenSet<string> UnknownToClassic = Quorum.Concat(StreamOnly).Except(Classic).ToFrozenSet(StringComparer.Ordinal);
    private static readonly FrozenSet<string> UnknownToQuorum = Classic.Concat(StreamOnly).Except(Quorum).ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The arguments that a kind knows.</summary>
    /// <param name="kind">The kind.</param>
    internal static ReadOnlySpan<string> Of(QueueKind kind) => kind == QueueKind.Classic ? Classic : Quorum;

    /// <summary>Whether a kind does not know an argument that another kind knows: an error, since the declarer expects an effect.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="argument">The argument.</param>
    internal static bool BelongsToOtherKind(QueueKind kind, string argument)
        => (kind == QueueKind.Classic ? UnknownToClassic : UnknownToQuorum).Contains(argument);
}
