namespace EmbeddedMq.Queues;

/// <summary>Reads the values of <c>x-overflow</c> and of the policy key <c>overflow</c>.</summary>
internal static class OverflowNames
{
    /// <summary>All names, for error texts.</summary>
    internal const string All = "drop-head, reject-publish, reject-publish-dlx or block-publisher";

    /// <summary>Whether a value names an overflow.</summary>
    /// <param name="name">The value.</param>
    internal static bool IsKnown(string name) => Parse(name) is not null;

    /// <summary>What a queue does on overflow when the argument or policy says so.</summary>
    /// <param name="name">A known name.</param>
    /// <param name="kind">The queue's kind.</param>
    internal static Overflow Effective(string name, QueueKind kind) => Parse(name) switch
    {
        // RabbitMQ's quorum queues take the name and act as drop-head; the messages are dead-lettered either way.
        Overflow.RejectPublishDeadLetter when kind == QueueKind.Quorum => Overflow.DropHead,
        { } overflow => overflow,
        null => throw new ArgumentException($"'{name}' is no overflow.", nameof(name)),
    };

    private static Overflow? Parse(string name) => name switch
    {
        "drop-head" => Overflow.DropHead,
        "reject-publish" => Overflow.RejectPublish,
        "reject-publish-dlx" => Overflow.RejectPublishDeadLetter,
        "block-publisher" => Overflow.BlockPublisher,
        _ => null,
    };
}
