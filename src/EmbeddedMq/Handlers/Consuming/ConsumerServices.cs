using EmbeddedMq.Diagnostics;
using EmbeddedMq.Handlers.Checks;
using EmbeddedMq.Handlers.Publishing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>What the consumers of one broker work with; shared by them. Immutable.</summary>
internal sealed record ConsumerServices
{
    /// <summary>The connection that they consume on.</summary>
    public required BusConnection ConsumeConnection { get; init; }

    /// <summary>Declares the topology again: a consumer that was lost may have lost its queue.</summary>
    public required Func<CancellationToken, ValueTask> DeclareTopologyAsync { get; init; }

    /// <summary>The connection that copies and answers are published on.</summary>
    public required BusConnection PublishConnection { get; init; }

    /// <summary>Publishes for handlers.</summary>
    public required Publisher Publisher { get; init; }

    /// <summary>Records confirmations and asks producers, or <see langword="null"/> where another process does.</summary>
    public CheckService? Checks { get; init; }

    /// <summary>Reads bodies.</summary>
    public required IMessageSerializer Serializer { get; init; }

    /// <summary>Where messages go, by type: a type's name in the messages is there, too.</summary>
    public required IReadOnlyDictionary<Type, PublishRoute> Routes { get; init; }

    /// <summary>Makes a scope for each message, or <see langword="null"/> where there are no services.</summary>
    public IServiceScopeFactory? Scopes { get; init; }

    /// <summary>The application's services, or <see langword="null"/> where there are none.</summary>
    public IServiceProvider? Provider { get; init; }

    /// <summary>Whether a handler class is to be resolved from its message's scope; where not, <see cref="Provider"/> gives the same.</summary>
    public required Func<Type, IServiceProvider, bool> NeedsScope { get; init; }

    /// <summary>Where idempotent consumers remember.</summary>
    public required MarkKeeper Marks { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>The log.</summary>
    public required ILogger Logger { get; init; }

    /// <summary>Spans and measurements.</summary>
    public required MessagingTelemetry Telemetry { get; init; }

    /// <summary>Settings.</summary>
    public required MessageBusOptions Options { get; init; }
}
