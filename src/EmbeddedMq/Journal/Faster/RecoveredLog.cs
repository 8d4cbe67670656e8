namespace EmbeddedMq.Journal.Faster;

/// <summary>What an opening found of one log.</summary>
/// <param name="LastLsn">The number of the last good record.</param>
/// <param name="End">The address behind it.</param>
/// <param name="NextSegment">A segment that has never been used.</param>
/// <param name="LastIncarnation">The latest opening that was found in it.</param>
/// <param name="Records">The records that were checked.</param>
/// <param name="TornBytes">The bytes of torn tails.</param>
internal readonly record struct RecoveredLog(long LastLsn, long End, long NextSegment, uint LastIncarnation, long Records, long TornBytes)
{
    /// <summary>Reads a log from its last known good place on, cuts off what is torn, and makes sure that the rest is on the disk.</summary>
    /// <param name="files">The log's files. What is torn is taken out of the table.</param>
    /// <param name="known">What the manifest, or the opening that failed, knows of it.</param>
    /// <param name="from">Where to begin.</param>
    /// <param name="expectedLsn">The number of the first record there; 0 if unknown.</param>
    /// <param name="salvage">Whether to note damage and go on.</param>
    /// <param name="damage">Where to note it.</param>
    /// <param name="dropped">Takes the segments whose files are to be removed, once a manifest says so.</param>
    public static RecoveredLog Recover(
        SegmentFiles files, LogState known, long from, long expectedLsn, bool salvage, List<DamagedRegion> damage, List<long> dropped)
    {
        using LogScan scan = new(files, salvage, damage);
        SegmentEntry[] segments = files.Snapshot();
        scan.Run(from, expectedLsn, known.SyncedLsn);
        dropped.AddRange(files.Remove(scan.Dropped));

        // The manifest will say that all this has been synced. Whoever wrote it may have ended before that, or have failed at it.
        long unsynced = Math.Max(from, known.SyncedUntil);
        if (scan.End > unsynced)
        {
            files.WriteAgain(unsynced, scan.End);
        }

        long next = segments.Length == 0 ? 1 : segments[^1].Id + 1;
        return new RecoveredLog(
            scan.LastLsn, scan.End, Math.Max(next, known.NextSegment), scan.LastIncarnation, scan.Records, scan.TornBytes);
    }
}
