using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Decides what a queue does with a message that comes: refuse it, keep it waiting outside, or let it in; and keeps those who wait.</summary>
/// <remarks>Guarded by the queue's gate; used in place, and not copied. Drop-head lets everything in: what it costs is decided after that (<see cref="QueueContents.DropExcess"/>).</remarks>
/// <param name="contents">The queue's messages and settings.</param>
/// <param name="consumers">Its consumers.</param>
internal struct Admission(QueueContents contents, ConsumerRing consumers)
{
    private WaitingRoom? _waiting;

    /// <summary>How many wait.</summary>
    internal readonly int WaitingCount => _waiting?.Count ?? 0;

    /// <summary>Their messages, in order.</summary>
    internal readonly IEnumerable<QueueEntry> Waiting => _waiting?.Entries ?? [];

    /// <summary>Whether a message is to be refused.</summary>
    /// <param name="entry">The message.</param>
    internal readonly bool MustRefuse(QueueEntry entry)
        => contents.Settings.Overflow is Overflow.RejectPublish or Overflow.RejectPublishDeadLetter && contents.WouldExceed(entry);

    /// <summary>Whether a message has to wait. Nobody overtakes those who wait.</summary>
    /// <param name="entry">The message.</param>
    internal readonly bool MustWait(QueueEntry entry)
        => contents.Settings.Overflow == Overflow.BlockPublisher && (_waiting is { Count: > 0 } || !HasRoom(entry));

    /// <summary>Keeps a message waiting.</summary>
    /// <param name="entry">The message, held.</param>
    /// <param name="publish">Who is told when it has come in; <see langword="null"/> for nobody.</param>
    internal void Wait(QueueEntry entry, PendingPublish? publish) => (_waiting ??= new WaitingRoom()).Add(entry, publish);

    /// <summary>Takes the first of those who wait, if there is room for it.</summary>
    /// <param name="entry">Its message.</param>
    /// <param name="publish">Who is told.</param>
    internal readonly bool TryTakeNext([NotNullWhen(true)] out QueueEntry? entry, out PendingPublish? publish)
    {
        if (_waiting is not null && _waiting.TryPeek(out entry) && HasRoom(entry))
        {
            publish = _waiting.Take();
            return true;
        }

        entry = null;
        publish = null;
        return false;
    }

    /// <summary>Takes the first of those who wait, room or not.</summary>
    /// <param name="entry">Its message.</param>
    /// <param name="publish">Who is told.</param>
    internal readonly bool TryTakeAny([NotNullWhen(true)] out QueueEntry? entry, out PendingPublish? publish)
    {
        entry = null;
        bool any = _waiting is not null && _waiting.TryPeek(out entry);
        publish = any ? _waiting!.Take() : null;
        return any;
    }

    /// <summary>Forgets one of those who wait: its message has been let go.</summary>
    internal readonly void Forget() => _waiting!.Forget();

    // A body larger than the whole limit is let into an empty queue: it would wait for ever. Where a policy has put drop-head in the place of
    // block-publisher, those who wait come in at the cost of the head, as all others do.
    private readonly bool HasRoom(QueueEntry entry)
        => !contents.WouldExceed(entry)
            || contents.Settings.Overflow == Overflow.DropHead
            || (contents.IsEmpty && (contents.Settings.MaxLength is not 0 || consumers.AnyCanTake()));
}
