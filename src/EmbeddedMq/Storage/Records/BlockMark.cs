namespace EmbeddedMq.Storage.Records;

/// <summary>What is known of a message of a block beyond what the block says.</summary>
/// <param name="Index">Its index within the block.</param>
/// <param name="FailedDeliveries">How many deliveries failed, 0 or more.</param>
/// <param name="Redelivered">Whether it was handed over before.</param>
internal readonly record struct BlockMark(int Index, int FailedDeliveries, bool Redelivered);
