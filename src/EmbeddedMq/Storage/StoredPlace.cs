using EmbeddedMq.Messages;

namespace EmbeddedMq.Storage;

/// <summary>Where a message was stored when somebody looked.</summary>
/// <param name="StoredAt">Its id in the journal.</param>
/// <param name="Block">The block that its queue named it by; <see langword="null"/>: the journal held it.</param>
/// <param name="Holder">The block that held it, which may be a newer one; <see langword="null"/> as that.</param>
internal readonly record struct StoredPlace(ulong StoredAt, StoredBlock? Block, StoredBlock? Holder)
{
    /// <summary>Where a message is stored at present.</summary>
    /// <param name="message">The message.</param>
    internal static StoredPlace Of(QueuedMessage message)
    {
        ulong storedAt = message.StoredAt;
        if (message.Block is not { } block)
        {
            return new StoredPlace(storedAt, null, null);
        }

        block.TryFind(message.BlockIndex, out StoredBlock holder, out _);
        return new StoredPlace(storedAt, block, holder);
    }
}
