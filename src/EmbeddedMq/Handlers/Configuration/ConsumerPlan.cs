using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>How one queue is consumed. Immutable.</summary>
internal abstract record ConsumerPlan
{
    /// <summary>Least prefetch when none is configured: enough to hide the hand-over, little enough to be fair to other consumers.</summary>
    private const int DefaultPrefetch = 64;

    /// <summary>The queue.</summary>
    public required string Queue { get; init; }

    /// <summary>The handler's class, or <see langword="null"/> where it is a function.</summary>
    public Type? HandlerType { get; init; }

    /// <summary>How many handlers may run at once.</summary>
    public int Concurrency { get; init; } = 1;

    /// <summary>How many messages may be unsettled, or <see langword="null"/> for the default.</summary>
    public int? Prefetch { get; init; }

    /// <summary>What happens when the handler throws. Its place to wait is never <see cref="RetryWait.Auto"/> in a built plan.</summary>
    public RetryRules Retry { get; init; } = RetryRules.None;

    /// <summary>Where messages go that are given up, or <see langword="null"/> for the default, which a built plan has filled in.</summary>
    public DeadLetterTarget? DeadLetter { get; init; }

    /// <summary>Whether check services are told of messages that were processed.</summary>
    public bool ConfirmsProcessing { get; init; }

    /// <summary>Consumer priority.</summary>
    public int Priority { get; init; }

    /// <summary>Whether it wants the queue alone.</summary>
    public bool Exclusive { get; init; }

    /// <summary>The consumer's tag; empty for one that the broker makes.</summary>
    public string Tag { get; init; } = "";

    /// <summary>Whether the queues in which its messages wait are durable: as the queue itself, where the topology declares it.</summary>
    /// <remarks>After a restart, messages of a durable queue would expire into a transient one that is not there yet.</remarks>
    public bool IsQueueDurable { get; init; } = true;

    /// <summary>Whether messages of one key are kept in order.</summary>
    public abstract bool KeepsKeyOrder { get; }

    /// <summary>Whether each message takes effect once.</summary>
    public abstract bool IsIdempotent { get; }

    /// <summary>What the ids of its messages count for, or <see langword="null"/> for a consumer that is not idempotent.</summary>
    public abstract string? Scope { get; }

    /// <summary>The prefetch in effect.</summary>
    public int EffectivePrefetch => Prefetch ?? Math.Min(65_535, Math.Max(DefaultPrefetch, 4 * Concurrency));

    /// <summary>The name of the queue in which messages wait for a retry.</summary>
    /// <param name="delay">The delay.</param>
    public string RetryQueue(TimeSpan delay) => $"{Queue}.retry.{(long)delay.TotalMilliseconds}";

    /// <summary>The name of the queue in which deferred messages wait.</summary>
    /// <param name="delay">The delay.</param>
    public string DeferQueue(TimeSpan delay) => $"{Queue}.defer.{(long)delay.TotalMilliseconds}";

    /// <summary>Checks that the serializer can read the type.</summary>
    /// <param name="serializer">The serializer.</param>
    /// <param name="routes">Where messages go, by type: what is handed over by reference need not be read.</param>
    /// <exception cref="InvalidOperationException">It cannot.</exception>
    public abstract void Check(IMessageSerializer serializer, IReadOnlyDictionary<Type, PublishRoute> routes);

    /// <summary>Makes the consumer.</summary>
    /// <param name="services">What it works with.</param>
    public abstract ConsumerEndpoint CreateEndpoint(ConsumerServices services);
}
