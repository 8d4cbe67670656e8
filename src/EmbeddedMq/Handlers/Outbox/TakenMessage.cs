namespace EmbeddedMq.Handlers.Outbox;

/// <summary>A message that the relay has in hand. Immutable.</summary>
/// <param name="Entry">What the store gave.</param>
/// <param name="Batch">What was taken with it, and so shares its lease.</param>
internal readonly record struct TakenMessage(OutboxEntry Entry, TakenBatch Batch);
