using EmbeddedMq.Consumers;
using EmbeddedMq.Errors;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Queues;

/// <content>Its consumers: who takes part.</content>
internal sealed partial class Queue
{
    // Written without the gate, too. A consumer that takes part again with the next message.
    private volatile Consumer? _resumable;

    /// <summary>Adds a consumer and delivers to it what is ready.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <param name="virtualHost">The virtual host's name, for the error.</param>
    /// <exception cref="ChannelException">403: in exclusive use, or wanted exclusively while in use.</exception>
    internal void AddConsumer(Consumer consumer, string virtualHost)
    {
        using (_gate.Enter())
        {
            if (_isDeleted)
            {
                throw MqErrors.QueueNotFound(virtualHost, Name);
            }

            if (_consumers.HasExclusive || (consumer.Options.Exclusive && (_consumers.Count > 0 || _consumers.SingleActive)))
            {
                throw MqErrors.QueueInExclusiveUse(virtualHost, Name);
            }

            _consumers.Add(consumer);
            Touch_NeedsGate();
            Dispatch_NeedsGate();
        }

        LeaveGate();
    }

    /// <summary>Removes a consumer; nothing is posted to it once this has returned.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <returns>Whether it was there.</returns>
    internal bool RemoveConsumer(Consumer consumer)
    {
        bool wasLast;
        using (_gate.Enter())
        {
            if (!_consumers.Remove(consumer))
            {
                return false;
            }

            _contents.AddAcknowledged(consumer.EndTally());
            Interlocked.CompareExchange(ref _resumable, null, consumer); // else it and its channel would stay in memory until the next message
            wasLast = _consumers.Count == 0;
            Touch_NeedsGate();
            Dispatch_NeedsGate(); // another may have become the active one
        }

        LeaveGate();
        if (wasLast && Declaration.IsAutoDelete)
        {
            _owner.DeleteUnused(this);
        }

        return true;
    }

    /// <inheritdoc/>
    public void Resume(Consumer consumer)
    {
        QueueGate.Scope scope;
        SpinWait spin = default;
        while (!_gate.TryEnter(out scope))
        {
            // Publishers one after the other may keep it from coming in for long. They are in already.
            ResumeWithNext(consumer);
            if (!consumer.IsStarved)
            {
                return;
            }

            spin.SpinOnce(ShortLock.LooksBeforeSleep);
        }

        using (scope)
        {
            if (!_consumers.Resume(consumer))
            {
                return;
            }

            Dispatch_NeedsGate();
        }

        LeaveGate();
    }

    /// <inheritdoc/>
    public void ResumeWithNext(Consumer consumer)
    {
        if (!ReferenceEquals(_resumable, consumer)) // it asks again with each credit that comes back
        {
            _resumable = consumer;
        }
    }

    /// <inheritdoc/>
    public void Suspend(Consumer consumer)
    {
        using (_gate.Enter())
        {
            ConsumerRing.Suspend(consumer);
        }
    }

    /// <inheritdoc/>
    public bool TryPass() => _gate.TryPass();

    /// <summary>Keeps long windows full from now on: where messages may die while they wait, none waits beside a consumer with credit.</summary>
    private void FillAtOnce_NeedsGate()
    {
        if (_consumers.FillAtOnce())
        {
            Dispatch_NeedsGate();
        }
    }

    /// <summary>Lets the consumer take part again that has asked for it without the gate, if one has.</summary>
    /// <returns>Whether one does.</returns>
    private bool ResumeOffered_NeedsGate()
    {
        if (_resumable is not { } consumer)
        {
            return false;
        }

        _resumable = null;
        return _consumers.Resume(consumer);
    }
}
