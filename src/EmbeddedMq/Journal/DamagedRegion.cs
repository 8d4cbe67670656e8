namespace EmbeddedMq.Journal;

/// <summary>A stretch of a log that could not be read when the store was opened to salvage what is left.</summary>
/// <param name="File">The path of the file.</param>
/// <param name="From">Its first address.</param>
/// <param name="Until">The address behind it.</param>
/// <param name="Reason">What is wrong with it.</param>
internal sealed record DamagedRegion(string File, long From, long Until, string Reason);
