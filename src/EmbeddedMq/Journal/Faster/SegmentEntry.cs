namespace EmbeddedMq.Journal.Faster;

/// <summary>What is remembered of a segment.</summary>
/// <param name="Id">Its number.</param>
/// <param name="FirstLsn">The number of its first record; 0 if unknown.</param>
/// <param name="End">Where the log ended in it, when an opening ended in it; else 0: it is full, or being written.</param>
internal readonly record struct SegmentEntry(long Id, long FirstLsn, long End);
