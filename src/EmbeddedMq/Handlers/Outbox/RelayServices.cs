using EmbeddedMq.Diagnostics;
using EmbeddedMq.Handlers.Configuration;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Handlers.Outbox;

/// <summary>What the parts of a relay work with. Immutable.</summary>
internal sealed record RelayServices
{
    /// <summary>How messages are sent.</summary>
    public required OutboxPlan Plan { get; init; }

    /// <summary>Gives the store.</summary>
    public required OutboxStoreSource Source { get; init; }

    /// <summary>The connection that is published on.</summary>
    public required BusConnection Connection { get; init; }

    /// <summary>The broker's name.</summary>
    public required string Broker { get; init; }

    /// <summary>The application's services.</summary>
    public required IServiceProvider Services { get; init; }

    /// <summary>How long to wait after failures, and the seed of what is random.</summary>
    public required MessageBusOptions Options { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>The log.</summary>
    public required ILogger Logger { get; init; }

    /// <summary>Spans and measurements.</summary>
    public required MessagingTelemetry Telemetry { get; init; }
}
