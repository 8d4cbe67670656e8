using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>The messages of a queue that are handed over while the journal holds them: so that they can be found when they are to move.</summary>
/// <remarks>Guarded by the queue's gate. Settling does not come by here: what was settled or put back is dropped when it is the larger part, so that
/// a hand-over costs one step on average, and at most as many settled ones are kept alive as there were unsettled.</remarks>
internal sealed class AcquiredEntries
{
    private const int SmallList = 16;

    private readonly List<QueueEntry> _entries = [];
    private int _nextDrop = SmallList; // how many make it look for settled ones

    /// <summary>Notes a message that is handed over.</summary>
    /// <param name="entry">The message, acquired.</param>
    internal void Add(QueueEntry entry)
    {
        if (_entries.Count >= _nextDrop)
        {
            _entries.RemoveAll(static old => !IsOf(old));
            _nextDrop = Math.Max(SmallList, 2 * _entries.Count);
        }

        _entries.Add(entry);
    }

    /// <summary>Gives the messages that are handed over and in no block yet; one that was handed over twice may come twice.</summary>
    /// <param name="level">Their level.</param>
    /// <param name="into">Takes them, in no order.</param>
    internal void Collect(int level, List<QueueEntry> into)
    {
        foreach (QueueEntry entry in _entries)
        {
            if (entry.Priority == level && IsOf(entry))
            {
                into.Add(entry);
            }
        }
    }

    private static bool IsOf(QueueEntry entry) => entry.State == EntryState.Acquired && entry.Block is null;
}
