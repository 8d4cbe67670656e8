using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Where publishes wait, in order, for room in a queue with the overflow <c>block-publisher</c>.</summary>
/// <remarks>Guarded by the queue's gate. What was withdrawn stays in the line until its turn comes and is passed over, or until it is the
/// larger part of the line; then the line is built again without it, so that publishers who give up and come again do not make it grow.</remarks>
internal sealed class WaitingRoom
{
    // Below this length a line of withdrawn publishes costs nothing worth saving.
    private const int ShortLine = 64;

    private Queue<(QueueEntry Entry, PendingPublish? Publish)> _line = new();

    /// <summary>How many publishes wait.</summary>
    internal int Count { get; private set; }

    /// <summary>Adds a publish at the end of the line.</summary>
    /// <param name="entry">Its message, waiting.</param>
    /// <param name="publish">Who is told; <see langword="null"/> for a message that the broker itself moves, such as a dead letter.</param>
    internal void Add(QueueEntry entry, PendingPublish? publish)
    {
        _line.Enqueue((entry, publish));
        Count++;
    }

    /// <summary>Shows the first message that still waits.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryPeek([NotNullWhen(true)] out QueueEntry? entry)
    {
        while (_line.TryPeek(out (QueueEntry Entry, PendingPublish? Publish) first))
        {
            if (first.Entry.State == EntryState.Waiting)
            {
                entry = first.Entry;
                return true;
            }

            _line.Dequeue();
        }

        entry = null;
        return false;
    }

    /// <summary>Takes the first one; only after <see cref="TryPeek"/> has shown it.</summary>
    /// <returns>Who is told.</returns>
    internal PendingPublish? Take()
    {
        Count--;
        return _line.Dequeue().Publish;
    }

    /// <summary>The messages that wait, in order.</summary>
    internal IEnumerable<QueueEntry> Entries => _line.Select(static place => place.Entry).Where(static entry => entry.State == EntryState.Waiting);

    /// <summary>Counts one less, because its publisher has withdrawn it: its message does not wait any more.</summary>
    internal void Forget()
    {
        Count--;
        if (_line.Count >= ShortLine && Count < _line.Count / 2)
        {
            _line = new Queue<(QueueEntry Entry, PendingPublish? Publish)>(_line.Where(static place => place.Entry.State == EntryState.Waiting));
        }
    }
}
