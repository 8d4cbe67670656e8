using EmbeddedMq.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A journal that counts how often it was asked for its state.</summary>
/// <param name="journal">The journal.</param>
internal sealed class WatchedJournal(IJournal journal) : IJournal
{
    private int _lookCount;

    /// <inheritdoc/>
    public event Action<JournalState, JournalException?>? StateChanged
    {
        add => journal.StateChanged += value;
        remove => journal.StateChanged -= value;
    }

    /// <summary>How often.</summary>
    public int LookCount => Volatile.Read(ref _lookCount);

    /// <inheritdoc/>
    public bool IsDurable => journal.IsDurable;

    /// <inheritdoc/>
    public IAppendLog Hot => journal.Hot;

    /// <inheritdoc/>
    public IAppendLog Cold => journal.Cold;

    /// <inheritdoc/>
    public JournalState State
    {
        get
        {
            Interlocked.Increment(ref _lookCount);
            return journal.State;
        }
    }

    /// <inheritdoc/>
    public JournalException? Failure => journal.Failure;

    /// <inheritdoc/>
    public JournalRecovery Recovery => journal.Recovery;

    /// <inheritdoc/>
    public CheckpointPoint Checkpoint => journal.Checkpoint;

    /// <inheritdoc/>
    public ValueTask SaveCheckpointAsync(CheckpointPoint point, CancellationToken cancellationToken = default) => journal.SaveCheckpointAsync(point, cancellationToken);

    /// <inheritdoc/>
    public ValueTask ReopenAsync(CancellationToken cancellationToken = default) => journal.ReopenAsync(cancellationToken);

    /// <inheritdoc/>
    public void MarkCleanStop() => journal.MarkCleanStop();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => journal.DisposeAsync();
}
