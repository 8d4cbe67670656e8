using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Storage;

/// <summary>A receipt that is not synced, as far as anybody has looked.</summary>
/// <param name="EndedAt">The id of the last record of its commit: with that it is there, and without it is not.</param>
/// <param name="Receipt">The receipt.</param>
internal readonly record struct UnsyncedReceipt(ulong EndedAt, Receipt Receipt);
