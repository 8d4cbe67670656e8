using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>The ready messages of one priority, in order of their positions.</summary>
/// <remarks>
/// Guarded by the queue's gate. Messages leave at the head only, so that whatever comes back was ahead of everything that never left: the
/// returned ones are a heap by position, served before the others. Putting a message back costs O(log returned), wherever it belongs.
/// </remarks>
internal sealed class ReadyList
{
    private readonly SegmentedQueue<QueueEntry> _fresh = new();
    private PriorityQueue<QueueEntry, ulong>? _returned;

    /// <summary>How many messages are ready.</summary>
    internal int Count => _fresh.Count + (_returned?.Count ?? 0);

    /// <summary>Appends a message that is new to the queue.</summary>
    /// <param name="entry">The message; its position is beyond all others.</param>
    internal void Add(QueueEntry entry) => _fresh.Enqueue(entry);

    /// <summary>Puts a message back at its position.</summary>
    /// <param name="entry">The message.</param>
    internal void Return(QueueEntry entry) => (_returned ??= new PriorityQueue<QueueEntry, ulong>()).Enqueue(entry, entry.Sequence);

    /// <summary>Shows the first message.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryPeek([NotNullWhen(true)] out QueueEntry? entry)
        => _returned is { Count: > 0 } returned ? returned.TryPeek(out entry, out _) : _fresh.TryPeek(out entry);

    /// <summary>Takes the first message.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryTake([NotNullWhen(true)] out QueueEntry? entry)
        => _returned is { Count: > 0 } returned ? returned.TryDequeue(out entry, out _) : _fresh.TryDequeue(out entry);
}
