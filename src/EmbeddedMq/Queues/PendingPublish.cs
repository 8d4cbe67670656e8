using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>A publish that cannot be confirmed yet: some queue keeps it waiting, and perhaps the journal too.</summary>
/// <remarks>
/// Thread-safe. It is complete when its publisher has let go of it and every queue has answered. One refusal makes it rejected; queues that
/// took the message keep it, as AMQP has it for a fan-out.
/// </remarks>
internal sealed class PendingPublish
{
    private readonly TaskCompletionSource<RejectReason> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(Queue Queue, QueueEntry Entry)> _waiting = []; // guarded by itself
    private int _open = 1;                                                 // the publisher's own hold
    private int _reason;

    /// <summary>Completes with <see cref="RejectReason.None"/> or the reason of the first refusal; cancelled when withdrawn.</summary>
    internal Task<RejectReason> Completion => _completion.Task;

    /// <summary>Notes a queue that keeps the message waiting. Called under that queue's gate.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="entry">The message in it.</param>
    internal void AddWait(Queue queue, QueueEntry entry)
    {
        Interlocked.Increment(ref _open);
        lock (_waiting)
        {
            _waiting.Add((queue, entry));
        }
    }

    /// <summary>Notes that the journal is to answer too.</summary>
    internal void AddCommit() => Interlocked.Increment(ref _open);

    /// <summary>Takes one answer: of a queue, of the journal, or of the publisher that has asked all of them.</summary>
    /// <param name="reason">Whether it was a refusal.</param>
    internal void Answer(RejectReason reason)
    {
        if (reason != RejectReason.None)
        {
            Interlocked.CompareExchange(ref _reason, (int)reason, 0);
        }

        if (Interlocked.Decrement(ref _open) == 0)
        {
            _completion.TrySetResult((RejectReason)Volatile.Read(ref _reason));
        }
    }

    /// <summary>Takes the message out of the queues in which it still waits; the waiting ends with cancellation if there was any such.</summary>
    /// <param name="cancellationToken">The token that the cancellation is told with.</param>
    internal void Withdraw(CancellationToken cancellationToken)
    {
        (Queue Queue, QueueEntry Entry)[] waiting;
        lock (_waiting)
        {
            waiting = [.. _waiting];
        }

        bool withdrawn = false;
        foreach ((Queue queue, QueueEntry entry) in waiting)
        {
            withdrawn |= queue.TryWithdraw(entry);
        }

        if (withdrawn)
        {
            _completion.TrySetCanceled(cancellationToken);
        }
    }
}
