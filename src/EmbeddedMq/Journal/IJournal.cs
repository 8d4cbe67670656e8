namespace EmbeddedMq.Journal;

/// <summary>The store of a broker: two logs, and where replay begins. Knows bytes, not what they mean.</summary>
/// <remarks>Thread-safe. Disposing writes what was appended (as <see cref="Durability.OsBuffered"/> would), fails who waits after that, and closes.</remarks>
internal interface IJournal : IAsyncDisposable
{
    /// <summary>Whether anything is kept at all. If not, appending gives <see cref="JournalAddress.None"/> and every waiter completes at once.</summary>
    bool IsDurable { get; }

    /// <summary>The log that every change is appended to; its records die young.</summary>
    IAppendLog Hot { get; }

    /// <summary>The log of what lives long. Whoever moves something here flushes this log before saving the checkpoint that forgets the hot copy.</summary>
    IAppendLog Cold { get; }

    /// <summary>What the store can do at present.</summary>
    JournalState State { get; }

    /// <summary>Why <see cref="State"/> is <see cref="JournalState.Failed"/> or <see cref="JournalState.LowSpace"/>.</summary>
    JournalException? Failure { get; }

    /// <summary>Called after each change of <see cref="State"/>, with the new state and its reason, mostly on the journal's thread: be quick, never throw.</summary>
    event Action<JournalState, JournalException?>? StateChanged;

    /// <summary>What was found when the store was opened.</summary>
    JournalRecovery Recovery { get; }

    /// <summary>What was saved last.</summary>
    CheckpointPoint Checkpoint { get; }

    /// <summary>Saves where replay begins, durably; replay begins there once this has completed. Both logs are synced before.</summary>
    /// <param name="point">The point. Its addresses are below the tail.</param>
    /// <param name="cancellationToken">Stops the waiting only.</param>
    /// <exception cref="JournalException">It was not saved, or nobody knows; the one before holds, or this one.</exception>
    ValueTask SaveCheckpointAsync(CheckpointPoint point, CancellationToken cancellationToken = default);

    /// <summary>After a failure: opens both logs anew, each at a fresh segment. What had not been written is gone; see <see cref="IAppendLog.LostFrom"/>.</summary>
    /// <param name="cancellationToken">Stops it between two steps; the store stays failed.</param>
    /// <exception cref="JournalException">It still does not work. Try again later if it is transient.</exception>
    /// <exception cref="InvalidOperationException">The store has not failed.</exception>
    ValueTask ReopenAsync(CancellationToken cancellationToken = default);

    /// <summary>Says that the owner has finished: disposing then syncs everything and notes that the stop was in order.</summary>
    void MarkCleanStop();
}
