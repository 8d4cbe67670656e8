namespace EmbeddedMq.Journal;

/// <summary>What a store can do at present.</summary>
internal enum JournalState
{
    /// <summary>Everything.</summary>
    Open,

    /// <summary>Everything, but the disk is nearly full: take no more messages; settles, checkpoints and releases go on.</summary>
    LowSpace,

    /// <summary>Reading only: a write or a sync has failed. <see cref="IJournal.ReopenAsync"/> may mend it.</summary>
    Failed,

    /// <summary>Nothing.</summary>
    Closed,
}
