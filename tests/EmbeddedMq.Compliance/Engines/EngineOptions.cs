namespace EmbeddedMq.Compliance;

/// <summary>What a suite wants of the broker that it starts. Immutable; a limit that is <see langword="null"/> does not matter to it.</summary>
public sealed record EngineOptions
{
    /// <summary>Most connections of the virtual host.</summary>
    public int? MaxConnections { get; init; }

    /// <summary>Most channels of a connection.</summary>
    public int? MaxChannelsPerConnection { get; init; }

    /// <summary>Most consumers of a channel.</summary>
    public int? MaxConsumersPerChannel { get; init; }

    /// <summary>Most queues of the virtual host.</summary>
    public int? MaxQueues { get; init; }

    /// <summary>Largest body, in bytes.</summary>
    public int? MaxMessageBytes { get; init; }

    /// <summary>How long a delivery may stay unsettled.</summary>
    public TimeSpan? AcknowledgementTimeout { get; init; }

    /// <summary>Whether the memory alarm will be raised.</summary>
    public bool MemoryAlarm { get; init; }
}
