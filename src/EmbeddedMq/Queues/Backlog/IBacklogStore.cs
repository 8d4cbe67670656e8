using EmbeddedMq.Messages;
using EmbeddedMq.Storage;

namespace EmbeddedMq.Queues;

/// <summary>The disk, as queues see it that hold more than memory does: where ready messages go, and where they come back from.</summary>
/// <remarks>
/// <para>Thread-safe. What was put away stays readable at its place until the queue has taken it back and settled it, has discarded it, or has
/// exchanged it for a place in a block (<see cref="Queue.Replace"/>). A message that is put away is neither settled nor changed.</para>
/// <para>A message that comes back is a new <see cref="QueueEntry"/> with everything that the one had which went: message, exchange, routing
/// key, <see cref="QueuedMessage.StoredAt"/>, <see cref="QueueEntry.Block"/> and <see cref="QueueEntry.BlockIndex"/>,
/// <see cref="QueueEntry.ExpiresAtMs"/> as the same instant of the broker's clock, <see cref="QueueEntry.FailedDeliveries"/> and
/// <see cref="QueueEntry.Redelivered"/>. Its state is <see cref="EntryState.Waiting"/>; position and level are the queue's to give.</para>
/// </remarks>
internal interface IBacklogStore
{
    /// <summary>Takes a ready message, if it is on disk or can go there without a wait.</summary>
    /// <param name="entry">The message; its <see cref="QueueEntry.Block"/> is <see langword="null"/>, for what is in a block is there already.</param>
    /// <param name="away">What the queue keeps instead of it.</param>
    /// <returns><see langword="false"/> when it has to stay in memory for now: it is not yet with the operating system, or there is no room to
    /// append it, or it is about to be stored again after a failure of the disk. It is asked again.</returns>
    /// <remarks>Called under the queue's gate: no wait, no I/O. A persistent message is accepted once its record has been written to the operating
    /// system; a transient one, or one that was never stored, is appended as a record that no restart brings back. A message that came back from
    /// here has its record still, and is accepted without another one.</remarks>
    bool TryPutAway(QueueEntry entry, out AwayEntry away);

    /// <summary>Reads messages back.</summary>
    /// <param name="run">The messages, at most 4,096, all of them live.</param>
    /// <param name="owner">Their queue.</param>
    /// <param name="into">Takes an entry for each, in the same order.</param>
    /// <remarks>Called on the pager's thread without any gate; it may wait for the disk. It gives all of them or throws: then nothing has
    /// happened, and it is asked again later. It may be asked for what has been settled or moved meanwhile; then it may throw too.</remarks>
    void Read(ReadOnlySpan<AwayEntry> run, IEntryOwner owner, List<QueueEntry> into);

    /// <summary>Reads messages of a block back.</summary>
    /// <param name="block">The block.</param>
    /// <param name="start">The index of the first.</param>
    /// <param name="end">The index after the last, at most the block's count.</param>
    /// <param name="owner">Their queue.</param>
    /// <param name="into">Takes an entry, in order, for each message in that range that the block does not call settled.</param>
    /// <inheritdoc cref="Read(ReadOnlySpan{AwayEntry}, IEntryOwner, List{QueueEntry})" path="/remarks"/>
    void Read(StoredBlock block, int start, int end, IEntryOwner owner, List<QueueEntry> into);

    /// <summary>Settles messages that are away, because their queue was purged or deleted, or drops them unread. Nobody takes in any more what is read of them.</summary>
    /// <param name="run">The messages.</param>
    /// <param name="queue">What the store keeps of the queue; <see langword="null"/> when it is not stored.</param>
    /// <remarks>Called without any gate, on the thread of the caller of purge or delete; or under the queue's, for one message that is dropped unread.</remarks>
    void Discard(ReadOnlySpan<AwayEntry> run, StoredQueue? queue);

    /// <summary>Settles the messages of a block in a range of indexes, because their queue was purged or deleted.</summary>
    /// <param name="block">The block.</param>
    /// <param name="start">The index of the first.</param>
    /// <param name="end">The index after the last.</param>
    /// <param name="queue">What the store keeps of the queue; <see langword="null"/> when it is not stored.</param>
    void Discard(StoredBlock block, int start, int end, StoredQueue? queue);

    /// <summary>Settles a message of a queue that is not stored, and that was on disk to spare memory only.</summary>
    /// <param name="entry">The message, settled in its queue.</param>
    void Forget(QueueEntry entry);
}
