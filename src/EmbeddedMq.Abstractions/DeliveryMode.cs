namespace EmbeddedMq;

/// <summary>Whether a message is to survive a restart. The values are AMQP's.</summary>
public enum DeliveryMode : byte
{
    /// <summary>Kept in memory; lost with the process.</summary>
    Transient = 1,

    /// <summary>Stored, in a durable queue of a broker that stores.</summary>
    Persistent = 2,
}
