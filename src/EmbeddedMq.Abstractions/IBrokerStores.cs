namespace EmbeddedMq;

/// <summary>What an <see cref="IBroker"/> offers that keeps data by itself: an outbox and an idempotence store of its own.</summary>
/// <remarks>They are as durable as the broker is: with a data directory they survive what it survives, without one they end with the process. Thread-safe.</remarks>
public interface IBrokerStores
{
    /// <summary>Remembers processed messages.</summary>
    IIdempotenceStore Idempotence { get; }

    /// <summary>Keeps messages until they are confirmed.</summary>
    IOutboxStore Outbox { get; }
}
