using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>The ready messages of one priority, in order of their positions.</summary>
/// <remarks>
/// <para>Guarded by the queue's gate. Messages leave at the head only, so that whatever comes back was ahead of everything that never left: the
/// returned ones are a heap by position, served before the others. Putting a message back costs O(log returned), wherever it belongs.</para>
/// <para>In order: the returned | the head, in memory | what is away, on disk only | the tail, in memory. With nothing away there is no tail, and
/// the head is all there is. When the head is used up and something is away, the list shows nothing until that has come back.</para>
/// </remarks>
internal sealed partial class ReadyList
{
    private readonly SegmentedQueue<QueueEntry> _head = new();
    private PriorityQueue<QueueEntry, ulong>? _returned;

    // Both or none; the runs are not empty outside a call.
    private AwayRuns? _away;
    private SegmentedQueue<QueueEntry>? _tail;
    private long _headBytes; // bodies of the head, while something is away

    /// <summary>How many messages are ready.</summary>
    internal int Count => _head.Count + (_returned?.Count ?? 0) + (_away is null ? 0 : _away.Count + _tail!.Count);

    /// <summary>Appends a message that is new to the queue.</summary>
    /// <param name="entry">The message; its position is beyond all others.</param>
    internal void Add(QueueEntry entry) => (_tail ?? _head).Enqueue(entry);

    /// <summary>Puts a message back at its position.</summary>
    /// <param name="entry">The message.</param>
    internal void Return(QueueEntry entry) => (_returned ??= new PriorityQueue<QueueEntry, ulong>()).Enqueue(entry, entry.Sequence);

    /// <summary>Shows the first message, if it is in memory.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryPeek([NotNullWhen(true)] out QueueEntry? entry)
        => _returned is { Count: > 0 } returned ? returned.TryPeek(out entry, out _) : _head.TryPeek(out entry);

    /// <summary>Takes the first message, if it is in memory.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryTake([NotNullWhen(true)] out QueueEntry? entry)
    {
        if (_returned is { Count: > 0 } returned)
        {
            return returned.TryDequeue(out entry, out _);
        }

        if (!_head.TryDequeue(out entry))
        {
            return false;
        }

        if (_away is not null)
        {
            _headBytes -= entry.BodyBytes;
        }

        return true;
    }
}
