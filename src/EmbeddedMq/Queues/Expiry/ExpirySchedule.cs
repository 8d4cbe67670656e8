using EmbeddedMq.Threading;

namespace EmbeddedMq.Queues;

/// <summary>A queue's appointments: with the expiry of its head, and with its own end when nobody uses it.</summary>
/// <remarks>Guarded by the queue's gate. Both actions are called outside it, from the scheduler, one at a time.</remarks>
/// <param name="scheduler">The scheduler.</param>
/// <param name="headDue">Looks at the head, and comes back with <see cref="ArmHead"/>.</param>
/// <param name="leaseDue">Deletes the queue, if <see cref="IsLeaseOver"/> still says so.</param>
internal sealed class ExpirySchedule(Scheduler scheduler, Action headDue, Action leaseDue)
{
    private readonly QueueTimer _head = new(headDue);
    private readonly QueueTimer _lease = new(leaseDue);
    private long _lastUsedMs = scheduler.Clock.NowMs;

    /// <summary>Sees to it that the head is looked at when it expires; an appointment that is early only costs a look.</summary>
    /// <param name="expiresAtMs">When it expires.</param>
    /// <remarks>The time that stands is read without the scheduler's gate. Only the scheduler changes it beside the queue's gate, to none, when the
    /// appointment comes up; and then the head is looked at anyway.</remarks>
    internal void ArmHead(long expiresAtMs)
    {
        if (expiresAtMs < _head.DueMs)
        {
            scheduler.Schedule(_head, expiresAtMs);
        }
    }

    /// <summary>Notes that the queue has been used; its idle time begins anew.</summary>
    /// <param name="expiresMs">The idle time after which it ends.</param>
    /// <param name="isInUse">Whether it has consumers: then it does not end at all.</param>
    internal void Touch(long expiresMs, bool isInUse)
    {
        _lastUsedMs = scheduler.Clock.NowMs;
        scheduler.Schedule(_lease, isInUse ? ScheduledWork.Never : _lastUsedMs + expiresMs);
    }

    /// <summary>Whether nobody has used the queue for its idle time.</summary>
    /// <param name="expiresMs">That time.</param>
    internal bool IsLeaseOver(long expiresMs) => scheduler.Clock.NowMs - _lastUsedMs >= expiresMs;

    /// <summary>Cancels both.</summary>
    internal void Cancel()
    {
        scheduler.Schedule(_head, ScheduledWork.Never);
        scheduler.Schedule(_lease, ScheduledWork.Never);
    }
}
