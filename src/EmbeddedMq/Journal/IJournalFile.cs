namespace EmbeddedMq.Journal;

/// <summary>An open file. Reads from any number of threads; writes and syncs from one at a time.</summary>
internal interface IJournalFile : IDisposable
{
    /// <summary>The length in bytes.</summary>
    long Length { get; }

    /// <summary>Reads into the whole buffer, unless the file ends before.</summary>
    /// <param name="buffer">Where to put the bytes.</param>
    /// <param name="offset">The position in the file.</param>
    /// <returns>The bytes read; fewer than asked for only at the end of the file.</returns>
    int Read(Span<byte> buffer, long offset);

    /// <summary>Writes all bytes, making the file longer if need be.</summary>
    /// <param name="buffer">The bytes.</param>
    /// <param name="offset">The position in the file.</param>
    /// <param name="isSyncedNext">Whether a sync follows at once, so that there is nothing to be gained from the operating system's cache.
    /// The last 4 KiB may change while they are written; what of them changes is not to be relied on.</param>
    void Write(ReadOnlySpan<byte> buffer, long offset, bool isSyncedNext = false);

    /// <summary>Makes a new file this long, and takes the room for it from the disk, so that writing within it cannot find the disk full.</summary>
    /// <param name="length">The length in bytes. What is not written reads as zeros.</param>
    void Allocate(long length);

    /// <summary>Makes what was written survive a power cut; returns after the disk has it. A failure is final: what was written before is unknown for ever.</summary>
    void SyncData();
}
