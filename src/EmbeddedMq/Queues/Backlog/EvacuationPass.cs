using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>How far one evacuation of one queue has come.</summary>
/// <param name="below">Messages with ids below this are to move.</param>
/// <param name="isLost">Instead: which messages in memory are to be stored again. Those on disk only stay as they are.</param>
internal sealed class EvacuationPass(ulong below, Func<QueueEntry, bool>? isLost = null)
{
    /// <summary>Whether a message in memory is one of those.</summary>
    /// <param name="entry">The message.</param>
    internal bool Takes(QueueEntry entry)
        => entry.Block is null && !entry.HasLeft && (isLost is null ? entry.StoredAt != 0 && entry.StoredAt < Below : isLost(entry));

    /// <summary>Messages with ids below this are to move.</summary>
    internal ulong Below { get; } = below;

    /// <summary>The messages that waited for room in the queue when it began, in order; <see langword="null"/> before that.</summary>
    internal IReadOnlyList<QueueEntry>? Waiting { get; set; }

    /// <summary>The level that is being looked at.</summary>
    internal int Level { get; private set; }

    /// <summary>The position up to which the messages in memory have been looked at.</summary>
    internal ulong Position { get; set; }

    /// <summary>The run up to which those on disk have been looked at, and found not to move.</summary>
    internal AwayRun? LastRun { get; set; }

    /// <summary>The list's count of head cuts at that time.</summary>
    internal int HeadCuts { get; set; }

    /// <summary>Goes on to the next level.</summary>
    internal void EndLevel()
    {
        Level++;
        Position = 0;
        LastRun = null;
    }

    /// <summary>Goes back to what was collected and then left out.</summary>
    /// <param name="shortened">What was collected, without that.</param>
    internal void GoBackTo(Evacuation shortened)
    {
        if (Level != shortened.Level)
        {
            Level = shortened.Level;
            LastRun = null;
        }

        if (!shortened.Resident.IsEmpty)
        {
            Position = shortened.Resident[^1].Sequence;
        }
    }
}
