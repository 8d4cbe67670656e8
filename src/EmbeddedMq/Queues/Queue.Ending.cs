using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <content>How a queue is emptied and how it ends: purged, deleted, or unused for longer than its lease.</content>
internal sealed partial class Queue
{
    /// <summary>Removes the ready messages.</summary>
    /// <returns>How many there were.</returns>
    internal uint Purge()
    {
        PriorityReadyList purged;
        using (_gate.Enter())
        {
            _contents.DropExpired();
            purged = _contents.Purge();
            MoveUp_NeedsGate();
        }

        LeaveGate();
        uint count = (uint)purged.Count;
        _contents.Discard(purged);
        return count;
    }

    /// <summary>Begins to delete the queue: from here on it takes nothing and delivers nothing. <see cref="CompleteDelete"/> does the rest.</summary>
    /// <param name="refuse">Looks at the counts under the gate, which it must not enter again, and may refuse.</param>
    /// <returns>What is left to do, or the refusal; <see langword="null"/> when it was deleted already.</returns>
    internal QueueDeletion? BeginDelete(Func<QueueDeclared, Exception?> refuse)
    {
        using (_gate.Enter())
        {
            if (_isDeleted)
            {
                return null;
            }

            MoveUp_NeedsGate();
            if (refuse(Counts_NeedsGate()) is { } refusal)
            {
                return new QueueDeletion(refusal, null, []);
            }

            _isDeleted = true;
            QueueDeletion deletion = new(null, _contents.Close(), [.. _consumers.All]);
            foreach (Consumer consumer in deletion.Consumers)
            {
                _consumers.Remove(consumer);
                _contents.AddAcknowledged(consumer.EndTally());
            }

            RefuseWaiting_NeedsGate();
            _expiry?.Cancel();
            return deletion;
        }
    }

    /// <summary>Ends a deletion: consumers are told, waiting publishes refused, ready messages discarded. Also to be called after a refusal.</summary>
    /// <param name="deletion">What was begun.</param>
    internal void CompleteDelete(QueueDeletion deletion)
    {
        LeaveGate();
        if (deletion.Discarded is { } discarded)
        {
            _backlog?.Forget(this);
            _contents.Discard(discarded);
            if (_backlog is not null)
            {
                Evacuate(ulong.MaxValue, new DeletedMessages(_backlog.Store));
            }
        }

        foreach (Consumer consumer in deletion.Consumers)
        {
            consumer.EndWithQueue();
        }
    }

    /// <summary>Whether nobody has used the queue for its expiry time. For who is asked by <see cref="BeginDelete"/>.</summary>
    internal bool IsLeaseOver_NeedsGate()
        => !_isDeleted && Settings.ExpiresMs is { } expiresMs && _consumers.Count == 0 && Expiry.IsLeaseOver(expiresMs);

    private void RefuseWaiting_NeedsGate()
    {
        while (_admission.TryTakeAny(out QueueEntry? entry, out PendingPublish? publish))
        {
            _contents.LetGo(entry);
            if (publish is not null)
            {
                _aftermath.AddAnswer(publish, RejectReason.QueueDeleted);
            }
        }
    }

    private void Touch_NeedsGate()
    {
        if (Settings.ExpiresMs is { } expiresMs && !_isDeleted)
        {
            Expiry.Touch(expiresMs, isInUse: _consumers.Count > 0);
        }
    }

    private void OnLeaseDue() => _owner.DeleteExpired(this);
}
