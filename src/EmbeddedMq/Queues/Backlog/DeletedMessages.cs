using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Where messages of a deleted queue move to that are handed over and not settled: nowhere. Whenever they are settled, nothing of them is on disk.</summary>
/// <remarks>Nobody knows how long a channel holds them, and the journal would keep all that came after them as long.</remarks>
/// <param name="store">Where they were.</param>
internal sealed class DeletedMessages(IBacklogStore store) : IEvacuationTarget
{
    // No log has anything at this address.
    private const long Nowhere = 0;

    /// <inheritdoc/>
    public StoredBlock Write(Evacuation evacuation)
        => new(queueId: 0, evacuation.Level, Nowhere, lengthBytes: 0, evacuation.Count, bodyBytes: 0) { IsTransient = true };

    /// <inheritdoc/>
    public void Complete(Evacuation evacuation, StoredBlock block)
    {
        for (int i = 0; i < evacuation.Count; i++)
        {
            if (evacuation.IsMoved(i))
            {
                store.Discard([new AwayEntry(evacuation.StoredAt(i), evacuation.BodyBytes(i), AwayFlags.Transient)], queue: null);
            }
        }
    }

    /// <inheritdoc/>
    public void Abandon(StoredBlock block)
    {
        // It never was anywhere.
    }
}
