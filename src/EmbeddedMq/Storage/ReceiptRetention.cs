namespace EmbeddedMq.Storage;

/// <summary>How long receipts are kept.</summary>
/// <param name="Time">For so long, unless there are too many; what is longer than a thousand years counts as that.</param>
/// <param name="Count">So many, the newest; 1 or more.</param>
internal sealed record ReceiptRetention(TimeSpan Time, long Count)
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(365_000); // so long ago there were dates

    /// <summary>For so long, unless there are too many.</summary>
    internal TimeSpan Time { get; } = Time < Longest ? Time : Longest;
}
