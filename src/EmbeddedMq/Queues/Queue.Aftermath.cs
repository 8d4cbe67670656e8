using EmbeddedMq.Messages;
using EmbeddedMq.Storage;

namespace EmbeddedMq.Queues;

/// <content>What is decided under the gate and done after leaving it.</content>
internal sealed partial class Queue
{
    /// <summary>Carries out the next piece of the aftermath, which this thread has begun.</summary>
    /// <returns>Whether there was one; if not, it has ended.</returns>
    internal bool TryCarryOutNext()
    {
        QueueAftermath.Work work;
        NamedPlaces? named;
        int phase;
        using (_gate.Enter())
        {
            if (!_aftermath.TryTakeNext(out work))
            {
                return false;
            }

            // From here on the message is not among the dead any more. Whoever stores again what the disk has taken finds it there, or waits for this.
            named = work.Entry is null ? null : Stored?.Named;
            phase = named?.Enter() ?? 0;
        }

        if (work.Entry is null)
        {
            work.Publish!.Answer(work.RejectReason);
            return true;
        }

        try
        {
            SendAway(work.Entry, work);
        }
        finally
        {
            named?.Leave(phase);
        }

        return true;
    }

    /// <summary>Does what was decided under the gate and must not be done there. Called after every leave that may have decided something.</summary>
    private void LeaveGate()
    {
        if (_contents.IsPageWanted)
        {
            _backlog!.Request(this);
        }

        if (!_aftermath.IsPending && _arrival is null)
        {
            return;
        }

        try
        {
            if (_aftermath.IsPending && TryBeginAftermath())
            {
                AftermathRunner.Run(this);
            }
        }
        finally
        {
            EndArrivals();
        }
    }

    private bool TryBeginAftermath()
    {
        using (_gate.Enter())
        {
            return _aftermath.TryBegin();
        }
    }

    private void SendAway(QueueEntry entry, in QueueAftermath.Work work)
    {
        bool taken = false;
        try
        {
            taken = _owner.DeadLetter(this, work.Settings!, entry, work.DeathReason);
        }
        finally
        {
            using (_gate.Enter())
            {
                _contents.EndDead(entry, taken);
            }
        }
    }
}
