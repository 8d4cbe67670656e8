using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Queues;

/// <summary>A message that a restart brings back.</summary>
/// <param name="Message">The message, where it was published to, and with which key.</param>
/// <param name="StoredAt">Its id in the journal.</param>
/// <param name="ExpiresAtMs">When it expires, in milliseconds of the broker's clock, or <see langword="null"/>.</param>
/// <param name="Redelivered">Whether it may have been handed over before.</param>
/// <param name="FailedDeliveries">How many deliveries failed.</param>
internal readonly record struct RestoredMessage(StoredMessage Message, ulong StoredAt, long? ExpiresAtMs, bool Redelivered, int FailedDeliveries);
