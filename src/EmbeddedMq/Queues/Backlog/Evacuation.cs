using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Messages of one level of one queue that are to move from the journal into a block, in order: 1 to 4,096.</summary>
/// <remarks>They are all on disk only (<see cref="Away"/>), or all in memory (<see cref="Resident"/>). Collected under the queue's gate; what they
/// become meanwhile is found out by <see cref="Queue.Replace"/>. Not thread-safe.</remarks>
internal sealed class Evacuation
{
    private readonly AwayEntry[] _away;
    private readonly QueueEntry[] _resident;
    private readonly int[] _marks;
    private bool[] _moved;

    private Evacuation(int level, AwayEntry[] away, QueueEntry[] resident)
    {
        Level = (byte)level;
        _away = away;
        _resident = resident;
        _moved = new bool[away.Length + resident.Length];
        _marks = new int[_moved.Length];
    }

    /// <summary>The level.</summary>
    internal byte Level { get; }

    /// <summary>How many messages there are.</summary>
    internal int Count => _moved.Length;

    /// <summary>The messages, if they are on disk only.</summary>
    internal ReadOnlySpan<AwayEntry> Away => _away.Length > 0 ? _away.AsSpan(0, Count) : [];

    /// <summary>The messages, if they are in memory: ready or handed over. The ids are theirs; what else they say may be changing.</summary>
    internal ReadOnlySpan<QueueEntry> Resident => _resident.Length > 0 ? _resident.AsSpan(0, Count) : [];

    // Where they were, for the queue's own use.
    internal AwayRun? Run { get; private init; }

    internal int Start { get; private init; }

    internal ulong FirstSequence { get; private init; }

    internal int HeadCuts { get; private init; }

    /// <summary>Leaves out the last messages, because they do not fit into the block. They stay where they are, and move another time.</summary>
    /// <param name="count">How many stay in, 1 to <see cref="Count"/>.</param>
    internal void Shorten(int count)
    {
        ArgumentOutOfRangeException.ThrowIfZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        Array.Resize(ref _moved, count);
    }

    /// <summary>The id of a message in the journal.</summary>
    /// <param name="index">Its index, which becomes its index in the block.</param>
    internal ulong StoredAt(int index) => _away.Length > 0 ? _away[index].StoredAt : _resident[index].StoredAt;

    /// <summary>Bytes of a message's body.</summary>
    /// <param name="index">Its index.</param>
    internal int BodyBytes(int index) => _away.Length > 0 ? _away[index].BodyBytes : _resident[index].BodyBytes;

    /// <summary>Whether a message has moved, once they were exchanged: the block holds it now, and whoever settles it settles it there. One that has
    /// not moved is called settled in the block; it has been settled in the journal, or will be.</summary>
    /// <param name="index">Its index.</param>
    internal bool IsMoved(int index) => _moved[index];

    internal void NoteMoved(int index) => _moved[index] = true;

    /// <summary>Notes what the block says of a message's deliveries.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="failedDeliveries">How many failed.</param>
    /// <param name="redelivered">Whether there were any.</param>
    internal void NoteWritten(int index, int failedDeliveries, bool redelivered) => _marks[index] = redelivered ? failedDeliveries : -1;

    /// <summary>Whether the block says something else of a message's deliveries.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="failedDeliveries">How many failed, of a message that was delivered.</param>
    internal bool IsMarkStale(int index, int failedDeliveries) => _marks[index] != failedDeliveries;

    internal static Evacuation Of(int level, AwayRun run, int headCuts)
        => new(level, run.Entries[run.Start..run.End], [])
        {
            Run = run,
            Start = run.Start,
            FirstSequence = run.FirstSequence,
            HeadCuts = headCuts,
        };

    internal static Evacuation Of(int level, QueueEntry[] resident) => new(level, [], resident);
}
