using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage;

/// <summary>A commit that somebody with more to wait for is told of.</summary>
/// <param name="store">The store.</param>
/// <param name="storedAt">The message's id; 0: the journal could not take it.</param>
/// <param name="durability">How safe it has to be.</param>
/// <param name="answer">Told once, on the journal's thread: with <see cref="RejectReason.None"/>, or that the storage failed.</param>
internal sealed class PendingCommit(MessageStore store, ulong storedAt, Durability durability, Action<RejectReason> answer) : CommitWaiter(durability)
{
    /// <inheritdoc/>
    public override void Complete(JournalException? failure) => answer(failure is null && store.IsKept(storedAt) ? RejectReason.None : RejectReason.StorageFailed);
}
