using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>What a queue has to do once it has left its gate: send its dead away and answer publishers that waited, in the order decided.</summary>
/// <remarks>Guarded by the queue's gate. One thread at a time carries it out (<see cref="AftermathRunner"/>), so that dead letters keep their
/// order; another that adds to it meanwhile leaves it to the first. It has no bound of its own: each death holds its share of the memory ledger
/// until it is carried out, so that publishers who outrun the one thread come to the watermark.</remarks>
internal sealed class QueueAftermath
{
    private Queue<Work>? _works; // most queues never have any
    private bool _inProgress;
    private volatile bool _isPending;

    /// <summary>Whether anything may be left to do. Read without the gate, right after leaving it: what the reader itself has added is seen.</summary>
    internal bool IsPending => _isPending;

    /// <summary>The messages whose death is noted and not begun to be carried out.</summary>
    internal IEnumerable<QueueEntry> Dead => _works is null ? [] : _works.Select(static work => work.Entry).OfType<QueueEntry>();

    /// <summary>Notes a death.</summary>
    /// <param name="entry">The message, settled.</param>
    /// <param name="settings">The queue's settings at that moment.</param>
    /// <param name="reason">Why.</param>
    internal void AddDeath(QueueEntry entry, QueueSettings settings, DeathReason reason) => Add(new Work(entry, settings, reason, null, RejectReason.None));

    /// <summary>Notes an answer to a publish that waited.</summary>
    /// <param name="publish">The publish.</param>
    /// <param name="reason">Whether it was refused.</param>
    internal void AddAnswer(PendingPublish publish, RejectReason reason) => Add(new Work(null, null, default, publish, reason));

    /// <summary>Begins to carry it out, unless another thread does.</summary>
    internal bool TryBegin()
    {
        if (_inProgress || _works is not { Count: > 0 })
        {
            return false;
        }

        _inProgress = true;
        return true;
    }

    /// <summary>Takes the next piece; ends the carrying out when there is none.</summary>
    /// <param name="work">The piece.</param>
    internal bool TryTakeNext([MaybeNullWhen(false)] out Work work)
    {
        work = default;
        if (_works?.TryDequeue(out work) == true)
        {
            return true;
        }

        _inProgress = false;
        _isPending = false;
        return false;
    }

    private void Add(Work work)
    {
        (_works ??= new Queue<Work>()).Enqueue(work);
        _isPending = true;
    }

    /// <summary>A death (with <see cref="Entry"/>) or an answer (with <see cref="Publish"/>).</summary>
    internal readonly record struct Work(QueueEntry? Entry, QueueSettings? Settings, DeathReason DeathReason, PendingPublish? Publish, RejectReason RejectReason);
}
