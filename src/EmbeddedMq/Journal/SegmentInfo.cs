namespace EmbeddedMq.Journal;

/// <summary>One segment of a log: a file, and the grain in which space is released.</summary>
/// <param name="Id">Its number: address divided by the segment size.</param>
/// <param name="Begin">Its first address.</param>
/// <param name="End">The address behind its last record; for the segment that is being written, the tail.</param>
internal readonly record struct SegmentInfo(long Id, long Begin, long End);
