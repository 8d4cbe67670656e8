namespace EmbeddedMq.Consumers;

/// <summary>How many deliveries to one consumer were acknowledged while it was its queue's: the queue adds up what all have counted, so that an
/// acknowledgement writes to no place that others write to.</summary>
/// <remarks>Counted and ended under what guards the deliveries that are taken: the consumer's own gate where reading acknowledges, else the take gate of
/// the channel's book. Read by anybody.</remarks>
internal struct AcknowledgementTally
{
    private long _count;
    private bool _hasEnded;

    /// <summary>How many.</summary>
    internal readonly long Count => Volatile.Read(in _count);

    /// <summary>Counts one more.</summary>
    /// <returns><see langword="false"/> when it has ended: somebody else has to count it.</returns>
    internal bool TryAdd()
    {
        if (_hasEnded)
        {
            return false;
        }

        Volatile.Write(ref _count, _count + 1);
        return true;
    }

    /// <summary>Ends it: its consumer is its queue's no longer.</summary>
    /// <returns>How many were counted, to be taken over; none the second time.</returns>
    internal long End()
    {
        long count = _hasEnded ? 0 : _count;
        _hasEnded = true;
        return count;
    }
}
