using System.Threading.Tasks.Sources;
using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage;

/// <summary>A publish that waits for nothing but a commit of the journal: what the publisher awaits, and what the journal completes.</summary>
/// <remarks>Used again and again: it goes back to its pool when the publisher has taken the result.</remarks>
/// <param name="pool">The pool.</param>
internal sealed class PublishConfirm(PublishConfirmPool pool) : CommitWaiter(Durability.Synced), IValueTaskSource<PublishResult>
{
    private ManualResetValueTaskSourceCore<PublishResult> _core = new() { RunContinuationsAsynchronously = true };
    private MessageStore _store = null!; // what it waits for is of this store
    private ulong _sequenceNumber;
    private ulong _storedAt;
    private long _began;
    private TimeSpan? _waited; // null: it was not measured

    /// <summary>Begins to wait.</summary>
    /// <param name="store">The store that the message was appended to.</param>
    /// <param name="sequenceNumber">The publish sequence number.</param>
    /// <param name="storedAt">The message's id: the disk may fail and be back between its append and this.</param>
    /// <param name="durability">How safe it has to be.</param>
    internal ValueTask<PublishResult> Start(MessageStore store, ulong sequenceNumber, ulong storedAt, Durability durability)
    {
        _core.Reset();
        _store = store;
        _sequenceNumber = sequenceNumber;
        _storedAt = storedAt;
        _began = pool.BeginMeasure();
        Durability = durability;
        ValueTask<PublishResult> result = new(this, _core.Version);
        store.Journal.Hot.WhenCommitted(this);
        return result;
    }

    /// <inheritdoc/>
    public override void Complete(JournalException? failure)
    {
        _waited = pool.EndMeasure(_began);
        _core.SetResult(failure is null && _store.IsKept(_storedAt)
            ? new PublishResult(PublishOutcome.Confirmed, _sequenceNumber)
            : new PublishResult(PublishOutcome.Rejected, _sequenceNumber, RejectReason.StorageFailed));
    }

    /// <inheritdoc/>
    public PublishResult GetResult(short token)
    {
        PublishResult result = _core.GetResult(token);
        PublishConfirmPool.Tell(_waited);
        pool.Return(this);
        return result;
    }

    /// <inheritdoc/>
    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    /// <inheritdoc/>
    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _core.OnCompleted(continuation, state, token, flags);
}
