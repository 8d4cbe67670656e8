using System.Threading.Tasks.Sources;
using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage;

/// <summary>Lets somebody await that what was appended is safe. For one waiting.</summary>
/// <param name="durability">How safe.</param>
internal sealed class AwaitableCommit(Durability durability) : CommitWaiter(durability), IValueTaskSource<JournalException?>
{
    private ManualResetValueTaskSourceCore<JournalException?> _core = new() { RunContinuationsAsynchronously = true };

    /// <summary>Begins to wait for everything that was appended so far.</summary>
    /// <param name="log">Where.</param>
    /// <returns><see langword="null"/> when it is safe; else why nobody knows.</returns>
    internal ValueTask<JournalException?> WaitAsync(IAppendLog log)
    {
        ValueTask<JournalException?> waiting = new(this, _core.Version);
        log.WhenCommitted(this);
        return waiting;
    }

    /// <inheritdoc/>
    public override void Complete(JournalException? failure) => _core.SetResult(failure);

    /// <inheritdoc/>
    public JournalException? GetResult(short token) => _core.GetResult(token);

    /// <inheritdoc/>
    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    /// <inheritdoc/>
    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _core.OnCompleted(continuation, state, token, flags);
}
