namespace EmbeddedMq.Messages;

/// <summary>Where messages of a block have gone that were left when most of it was settled: into a newer block, in the same order and next to each other.</summary>
/// <remarks>Thread-safe. A restart that begins with a checkpoint from before the move finds the messages in the old block; so, until
/// <see cref="IsTold"/>, what is written of them names both.</remarks>
/// <param name="target">The newer block.</param>
/// <param name="firstIndex">The index there of the first of them.</param>
/// <param name="indexes">The indexes that they have in the old block, rising.</param>
internal sealed class BlockMove(StoredBlock target, int firstIndex, ushort[] indexes)
{
    private volatile bool _isTold;

    /// <summary>The newer block.</summary>
    internal StoredBlock Target => target;

    /// <summary>The indexes that the messages have in the old block, rising.</summary>
    internal ReadOnlySpan<ushort> Indexes => indexes;

    /// <summary>Whether a checkpoint tells of the newer block, and of the old one no more.</summary>
    internal bool IsTold => _isTold;

    /// <summary>Says that a checkpoint tells of the newer block.</summary>
    internal void NoteTold() => _isTold = true;

    /// <summary>Finds a message.</summary>
    /// <param name="index">Its index in the old block.</param>
    /// <param name="targetIndex">Its index in the newer one.</param>
    /// <returns><see langword="false"/> when it was settled before the others moved.</returns>
    internal bool TryFind(int index, out int targetIndex)
    {
        int place = Array.BinarySearch(indexes, (ushort)index);
        targetIndex = firstIndex + place;
        return place >= 0;
    }

    /// <summary>Settles a message in the newer block, if it has moved.</summary>
    /// <param name="index">Its index in the old block.</param>
    /// <param name="bodyBytes">Bytes of its body; -1: not known.</param>
    internal void Settle(int index, int bodyBytes)
    {
        if (TryFind(index, out int targetIndex))
        {
            target.Settle(targetIndex, bodyBytes);
        }
    }
}
