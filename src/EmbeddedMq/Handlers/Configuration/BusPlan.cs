using System.Collections.Frozen;
using EmbeddedMq.Handlers.Publishing;

namespace EmbeddedMq.Handlers.Configuration;

/// <summary>All that an application wants of one broker. Immutable and checked.</summary>
internal sealed record BusPlan
{
    /// <summary>The broker's name as the application gave it; may be empty.</summary>
    public required string Name { get; init; }

    /// <summary>What is declared.</summary>
    public required TopologyPlan Topology { get; init; }

    /// <summary>Where messages go, by type.</summary>
    public required FrozenDictionary<Type, PublishRoute> Routes { get; init; }

    /// <summary>The consumers, at most one a queue.</summary>
    public required IReadOnlyList<ConsumerPlan> Consumers { get; init; }

    /// <summary>How idempotent consumers remember.</summary>
    public required IdempotencePlan Idempotence { get; init; }

    /// <summary>How messages are stored before they are sent, or <see langword="null"/> where they are not.</summary>
    public OutboxPlan? Outbox { get; init; }

    /// <summary>Delayed second confirmation.</summary>
    public CheckPlan Checks { get; init; } = new();

    /// <summary>Makes the serializer, or <see langword="null"/> for the default one.</summary>
    public Func<IServiceProvider, IMessageSerializer>? CreateSerializer { get; init; }

    /// <summary>Starts another engine, or <see langword="null"/> for the embedded one.</summary>
    public Func<IServiceProvider, CancellationToken, ValueTask<IBroker>>? StartEngine { get; init; }

    /// <summary>Whether a handler class is to be resolved from its message's scope; <see langword="false"/> where the application's services give the same.</summary>
    public required Func<Type, IServiceProvider, bool> NeedsScope { get; init; }

    /// <summary>The attribute <c>messaging.system</c>.</summary>
    public required string MessagingSystem { get; init; }
}
