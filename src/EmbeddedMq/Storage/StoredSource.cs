using EmbeddedMq.Messages;

namespace EmbeddedMq.Storage;

/// <summary>Where a message comes from that the broker itself moves on: leaving there and arriving elsewhere are one entry of the journal.</summary>
/// <param name="Queue">What the store keeps of that place; <see langword="null"/>: it is not stored.</param>
/// <param name="Entry">The message there; <see langword="null"/>: it comes from nowhere.</param>
internal readonly record struct StoredSource(StoredQueue? Queue, QueuedMessage? Entry);
