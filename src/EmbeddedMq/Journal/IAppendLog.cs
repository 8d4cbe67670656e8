namespace EmbeddedMq.Journal;

/// <summary>One append-only log of checksummed records.</summary>
/// <remarks>
/// <para>Thread-safe. Appending is to memory; one thread per store writes, syncs and completes the waiters. Nothing is committed without a
/// waiter, though full pages are written by themselves.</para>
/// <para>After a failure the log takes nothing, until <see cref="IJournal.ReopenAsync"/>: appending gives <see cref="JournalAddress.None"/>
/// and waiters are failed.</para>
/// </remarks>
internal interface IAppendLog
{
    /// <summary>The longest body of a record. Longer ones are cut into pieces by the caller. 64 bytes less than a page: 4 MB by default.</summary>
    int MaxRecordBytes { get; }

    /// <summary>The address below which everything has been released.</summary>
    long BeginAddress { get; }

    /// <summary>The address behind the last record that was appended.</summary>
    long TailAddress { get; }

    /// <summary>Everything below has been handed to the operating system: it can be read, and survives the end of the process.</summary>
    long WrittenUntil { get; }

    /// <summary>Everything below has been synced: it survives a power cut.</summary>
    long SyncedUntil { get; }

    /// <summary>After <see cref="IJournal.ReopenAsync"/>: records from here up to <see cref="ResumedAt"/> are lost. <see cref="JournalAddress.None"/>
    /// if the log was never reopened.</summary>
    long LostFrom { get; }

    /// <summary>Where the log went on when it was opened or reopened last: records at or above are of this opening.</summary>
    long ResumedAt { get; }

    /// <summary>The bytes that were appended and are not committed.</summary>
    long UncommittedBytes { get; }

    /// <summary>Whether <see cref="UncommittedBytes"/> is below its cap. Asked before publishing; settles are appended regardless.</summary>
    bool HasRoom { get; }

    /// <summary>Appends one record to the log's memory.</summary>
    /// <typeparam name="T">The type of the body, so that it need not be boxed.</typeparam>
    /// <param name="kind">What it is: from 1 to 239; the others are the journal's own.</param>
    /// <param name="body">Its body.</param>
    /// <returns>The record's address, or <see cref="JournalAddress.None"/> if the log has failed or is closed.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The kind is reserved, or the body longer than <see cref="MaxRecordBytes"/>.</exception>
    /// <remarks>Waits for the disk only when the whole memory of the log is full of what the disk has not taken.</remarks>
    long Append<T>(byte kind, in T body)
        where T : IRecordBody, allows ref struct;

    /// <summary>Completes a waiter when everything appended before this call is as safe as it asks.</summary>
    /// <param name="waiter">The waiter.</param>
    void WhenCommitted(CommitWaiter waiter);

    /// <summary>Waits until everything appended before this call is as safe as asked.</summary>
    /// <param name="durability">How safe.</param>
    /// <param name="cancellationToken">Stops the waiting only.</param>
    /// <exception cref="JournalException">It will not be: the log has failed or is closed.</exception>
    ValueTask FlushAsync(Durability durability, CancellationToken cancellationToken = default);

    /// <summary>Waits until <see cref="HasRoom"/>. Starts a commit if none is under way.</summary>
    /// <param name="cancellationToken">Stops the waiting only.</param>
    /// <exception cref="JournalException">The log has failed or is closed.</exception>
    ValueTask WaitForRoomAsync(CancellationToken cancellationToken = default);

    /// <summary>Reads one record from its file.</summary>
    /// <param name="address">An address that <see cref="Append"/> gave, below <see cref="WrittenUntil"/>.</param>
    /// <exception cref="JournalException">It is damaged, released, or cannot be read; names the file and the address.</exception>
    StoredRecord Read(long address);

    /// <summary>Reads the records of a stretch in order, leaving out the journal's own, released segments, and what was lost at the end of
    /// an earlier opening.</summary>
    /// <param name="from">The address of a record, or of the begin of a segment, or anything at or below <see cref="BeginAddress"/>.</param>
    /// <param name="until">Where to stop, at most <see cref="WrittenUntil"/>.</param>
    IRecordReader ReadForward(long from, long until);

    /// <summary>Gives back the whole segments below an address.</summary>
    /// <param name="address">The lowest address that is needed.</param>
    /// <remarks>The caller has saved the checkpoint that no longer needs them. They go some time later, on the journal's thread; after a
    /// crash before that they are there again.</remarks>
    void ReleaseBefore(long address);

    /// <summary>Gives back one segment, which may be in the middle; not the one that is being written.</summary>
    /// <param name="id">Its number.</param>
    void ReleaseSegment(long id);

    /// <summary>The segments that hold something, in order. A snapshot.</summary>
    IReadOnlyList<SegmentInfo> Segments { get; }

    /// <summary>How long a whole segment is, in bytes.</summary>
    long SegmentBytes { get; }

    /// <summary>The number of the segment that an address is in.</summary>
    /// <param name="address">An address.</param>
    long SegmentOf(long address);
}
