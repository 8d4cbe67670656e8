using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>What a queue does with its messages: the arguments of its declaration, or these joined with the policy that applies.</summary>
/// <remarks>Immutable. A queue holds the effective settings and replaces them whole when its policy changes.</remarks>
internal sealed record QueueSettings
{
    /// <summary>A classic queue without any argument.</summary>
    internal static QueueSettings Default { get; } = new();

    /// <summary>Classic or quorum. Default classic.</summary>
    public QueueKind Kind { get; init; }

    /// <summary>Time to live of every message in milliseconds, 0 or more; <see langword="null"/>: messages do not expire because of the queue.</summary>
    public long? MessageTtlMs { get; init; }

    /// <summary>Idle time in milliseconds after which the queue is deleted, more than 0; <see langword="null"/>: never.</summary>
    public long? ExpiresMs { get; init; }

    /// <summary>Most ready messages, 0 or more; <see langword="null"/>: no limit.</summary>
    public long? MaxLength { get; init; }

    /// <summary>Most bytes of ready bodies, 0 or more; <see langword="null"/>: no limit.</summary>
    public long? MaxLengthBytes { get; init; }

    /// <summary>What happens to a publish beyond a limit. Default <see cref="Overflow.DropHead"/>, as in RabbitMQ.</summary>
    public Overflow Overflow { get; init; }

    /// <summary>Whether the declaration says <see cref="Overflow"/>, even the default; only then does it stand against a policy.</summary>
    public bool IsOverflowDeclared { get; init; }

    /// <summary>Where dead messages go, empty for the default exchange; <see langword="null"/>: nowhere, they are dropped.</summary>
    public string? DeadLetterExchange { get; init; }

    /// <summary>The routing key that dead messages get; <see langword="null"/>: they keep their own.</summary>
    public string? DeadLetterRoutingKey { get; init; }

    /// <summary>Highest priority, 0 to 255; 0: the queue has no priorities.</summary>
    public int MaxPriority { get; init; }

    /// <summary>Whether one consumer at a time receives.</summary>
    public bool SingleActiveConsumer { get; init; }

    /// <summary>How many failed deliveries a message may have; with the next one it dies. <see langword="null"/>: any number.</summary>
    public long? DeliveryLimit { get; init; }

    /// <summary>Whether anything limits the ready messages.</summary>
    public bool HasLimit => MaxLength is not null || MaxLengthBytes is not null;

    /// <summary>Whether a message that waits may die of it, or keep another one out: one that is refused, or whose publisher waits and may be the very consumer.</summary>
    public bool WaitingMayCost => MessageTtlMs is not null || HasLimit;

    /// <summary>Whether dead messages go anywhere.</summary>
    public bool DeadLetters => DeadLetterExchange is not null;

    /// <summary>How long a message that comes now may stay: the smaller of the queue's time to live and its own.</summary>
    /// <param name="message">The message.</param>
    /// <returns>Milliseconds, or <see cref="QueueEntry.NoExpiry"/>.</returns>
    internal long TimeToLiveMs(Message message)
    {
        long ttlMs = MessageTtlMs ?? QueueEntry.NoExpiry;
        return message.Properties.Expiration is { } expiration && Expiration.TryParse(expiration, out long ownMs, out _) ? Math.Min(ttlMs, ownMs) : ttlMs;
    }

    /// <summary>The effective settings of a queue with these arguments under a policy.</summary>
    /// <param name="policy">The one policy that applies, with a valid definition; <see langword="null"/> for none.</param>
    /// <remarks>
    /// Where both say a number the smaller wins; of exchanges and keys the argument wins, each for itself. Overflow: in a classic queue
    /// the argument wins, in a quorum queue the policy. A negative delivery limit says "none" and so loses against any limit.
    /// Source: RabbitMQ, rabbit_amqqueue_process:process_args_policy and rabbit_quorum_queue.
    /// </remarks>
    internal QueueSettings Under(Policy? policy)
    {
        if (policy is null)
        {
            return this;
        }

        HeaderTable definition = policy.Definition;
        bool policySetsOverflow = definition.GetValueOrDefault(PolicyKey.Overflow) is string && !(Kind == QueueKind.Classic && IsOverflowDeclared);
        return this with
        {
            MessageTtlMs = Smaller(MessageTtlMs, definition, PolicyKey.MessageTtl),
            ExpiresMs = Smaller(ExpiresMs, definition, PolicyKey.Expires),
            MaxLength = Smaller(MaxLength, definition, PolicyKey.MaxLength),
            MaxLengthBytes = Smaller(MaxLengthBytes, definition, PolicyKey.MaxLengthBytes),
            DeliveryLimit = Smaller(DeliveryLimit, definition, PolicyKey.DeliveryLimit),
            DeadLetterExchange = DeadLetterExchange ?? definition.GetValueOrDefault(PolicyKey.DeadLetterExchange) as string,
            DeadLetterRoutingKey = DeadLetterRoutingKey ?? definition.GetValueOrDefault(PolicyKey.DeadLetterRoutingKey) as string,
            Overflow = policySetsOverflow ? OverflowNames.Effective((string)definition[PolicyKey.Overflow]!, Kind) : Overflow,
        };
    }

    private static long? Smaller(long? fromArgument, HeaderTable definition, string key)
    {
        if (!HeaderTable.TryGetInteger(definition.GetValueOrDefault(key), out long fromPolicy) || fromPolicy < 0)
        {
            return fromArgument;
        }

        return fromArgument < fromPolicy ? fromArgument : fromPolicy;
    }
}
