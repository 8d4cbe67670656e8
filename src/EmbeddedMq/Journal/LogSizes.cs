namespace EmbeddedMq.Journal;

/// <summary>The sizes of one log, each a power of two. Page and segment sizes are fixed when the store is made.</summary>
internal sealed record LogSizes
{
    /// <summary>The unit of writing, and the bound of a record: from 8 KB to 64 MB.</summary>
    public required int PageBytes { get; init; }

    /// <summary>The memory for what was appended and not yet written: at least two pages.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>The size of a file: at least a page, at most 1 GB.</summary>
    public required long SegmentBytes { get; init; }
}
