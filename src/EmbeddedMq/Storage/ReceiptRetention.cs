namespace EmbeddedMq.Storage;

/// <summary>How long receipts are kept.</summary>
/// <param name="Time">For so long, unless there are too many.</param>
/// <param name="Count">So many, the newest; 1 or more.</param>
internal sealed record ReceiptRetention(TimeSpan Time, long Count);
