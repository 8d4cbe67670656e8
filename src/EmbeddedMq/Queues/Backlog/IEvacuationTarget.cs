using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Where <see cref="Queue.Evacuate"/> moves messages to.</summary>
/// <remarks>Called outside all gates, on the thread of whoever evacuates.</remarks>
internal interface IEvacuationTarget
{
    /// <summary>Writes a block with copies of messages, and waits until it is where the journal's records are: a record may go once its messages
    /// have moved. Some of the messages may have been settled meanwhile.</summary>
    /// <param name="evacuation">The messages; those that do not fit into the block are left out (<see cref="Evacuation.Shorten"/>), and of the others
    /// it is noted what the block says of their deliveries (<see cref="Evacuation.NoteWritten"/>).</param>
    /// <returns>The block: as many messages in the same order, none of them settled.</returns>
    StoredBlock Write(Evacuation evacuation);

    /// <summary>The queue has taken the block in. The journal gives up its claim on what <see cref="Evacuation.IsMoved"/>. What has not moved is
    /// settled in the block, and that must be as lasting as the block is, or a restart would bring those messages back.</summary>
    /// <param name="evacuation">The messages.</param>
    /// <param name="block">The block.</param>
    void Complete(Evacuation evacuation, StoredBlock block);

    /// <summary>The queue has not taken the block in, because the messages were elsewhere meanwhile. Nobody refers to it, and none of its messages
    /// may come back by it.</summary>
    /// <param name="block">The block.</param>
    void Abandon(StoredBlock block);
}
