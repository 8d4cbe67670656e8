namespace EmbeddedMq.Compliance;

/// <summary>What an engine offers beyond the model that every one has; a test that needs what is missing is skipped, visibly.</summary>
[Flags]
public enum EngineCapabilities
{
    /// <summary>Nothing more.</summary>
    None = 0,

    /// <summary>The deliberate differences from RabbitMQ, see <see cref="DeliberateDifferenceAttribute"/>.</summary>
    DeliberateDifferences = 1,

    /// <summary>Creating and deleting virtual hosts.</summary>
    VirtualHosts = 1 << 1,

    /// <summary>Listings of exchanges, queues, bindings and connections, and closing connections.</summary>
    Listings = 1 << 2,

    /// <summary>Totals in the listing of queues.</summary>
    Totals = 1 << 3,

    /// <summary>Policies.</summary>
    Policies = 1 << 4,

    /// <summary>Import and export of definitions.</summary>
    Definitions = 1 << 5,

    /// <summary>A memory alarm that the engine can raise and clear.</summary>
    MemoryAlarm = 1 << 6,

    /// <summary>The exchange type <c>x-consistent-hash</c>.</summary>
    ConsistentHashExchange = 1 << 7,

    /// <summary>The exchange type <c>x-random</c>.</summary>
    RandomExchange = 1 << 8,

    /// <summary>The exchange type <c>x-delayed-message</c>.</summary>
    DelayedExchange = 1 << 9,

    /// <summary>A delivery limit, on the queue type that <see cref="ComplianceEngine.DeliveryLimitQueue"/> makes.</summary>
    DeliveryLimit = 1 << 10,

    /// <summary>Limits that a suite can set, see <see cref="EngineOptions"/>.</summary>
    Limits = 1 << 11,

    /// <summary>The exchange type <c>x-local-random</c>.</summary>
    LocalRandomExchange = 1 << 12,

    /// <summary>Errors of calls that the protocol does not answer, such as a publish without confirms, are thrown by the call itself rather than by a later one.</summary>
    ErrorsAtOnce = 1 << 13,

    /// <summary>A limit of consumers per channel: RabbitMQ has it from 4.0 on.</summary>
    ConsumerLimit = 1 << 14,

    /// <summary>One channel too many closes the connection. RabbitMQ does so; its .NET client knows the limit and does not ask.</summary>
    ChannelLimitCloses = 1 << 15,

    /// <summary>Everything.</summary>
    All = (1 << 16) - 1,
}
