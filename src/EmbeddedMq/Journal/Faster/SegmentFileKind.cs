namespace EmbeddedMq.Journal.Faster;

/// <summary>What a file of a log is for.</summary>
internal enum SegmentFileKind
{
    /// <summary>It holds a segment.</summary>
    Segment,

    /// <summary>The next segment may be made of it: it was released, or is zeros.</summary>
    Spare,

    /// <summary>It was to become a spare, and the process ended before.</summary>
    Unfinished,
}
