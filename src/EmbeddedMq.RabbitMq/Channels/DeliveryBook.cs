namespace EmbeddedMq.RabbitMq.Channels;

/// <summary>The delivery tags of one wire channel that are not settled.</summary>
/// <remarks>
/// <para>basic.ack has no answer, so an unknown tag would be noticed only when the server closes the channel some time later. The book tells at
/// once whether the server will take a tag, and which tags <c>multiple</c> stands for when some belong to consumers that settle by reading.</para>
/// <para>Thread-safe. Tags are the wire's. Sorted sets, because gets and deliveries are noted by different threads, not quite in order.</para>
/// </remarks>
internal sealed class DeliveryBook
{
    private readonly Lock _gate = new();
    private readonly SortedSet<ulong> _settledByApplication = []; // unsettled, to be settled by the application; guarded by _gate
    private readonly SortedSet<ulong> _settledByReading = [];     // unsettled, to be settled when read; guarded by _gate
    private ulong _highest;                                       // guarded by _gate
    private bool _isClosed;                                       // guarded by _gate

    /// <summary>Whether nothing is unsettled.</summary>
    internal bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _settledByApplication.Count == 0 && _settledByReading.Count == 0;
            }
        }
    }

    /// <summary>Notes a delivery.</summary>
    /// <param name="tag">Its tag.</param>
    /// <param name="settledByReading">Whether its consumer settles by reading.</param>
    /// <returns>Whether the tag counts. Otherwise the book is closed: the next wire may give the tag to another message, and this one has gone back.</returns>
    internal bool Add(ulong tag, bool settledByReading)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return false;
            }

            _highest = Math.Max(_highest, tag);
            (settledByReading ? _settledByReading : _settledByApplication).Add(tag);
            return true;
        }
    }

    /// <summary>Notes a delivery that needs no settling.</summary>
    /// <param name="tag">Its tag.</param>
    internal void AddSettled(ulong tag)
    {
        lock (_gate)
        {
            _highest = Math.Max(_highest, tag);
        }
    }

    /// <summary>Takes no more deliveries: the wire is gone, and the tags of the next one begin behind those of this one.</summary>
    /// <returns>The highest tag.</returns>
    internal ulong Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            return _highest;
        }
    }

    /// <summary>Notes again what a rollback unsettled.</summary>
    /// <param name="tags">The tags.</param>
    internal void Restore(IEnumerable<ulong> tags)
    {
        lock (_gate)
        {
            _settledByApplication.UnionWith(tags);
        }
    }

    /// <summary>Takes one delivery out.</summary>
    /// <param name="tag">Its tag.</param>
    /// <returns>Whether it was unsettled.</returns>
    internal bool TryTake(ulong tag)
    {
        lock (_gate)
        {
            return _settledByApplication.Remove(tag) || _settledByReading.Remove(tag);
        }
    }

    /// <summary>Takes out every delivery that the application settles, up to a tag.</summary>
    /// <param name="tag">The tag, which must be unsettled itself; 0 for all.</param>
    /// <param name="taken">The tags, in order.</param>
    /// <param name="mixed">Whether deliveries that settle by reading lie among them, so that each has to be settled by itself.</param>
    /// <returns>Whether the server will take the tag.</returns>
    internal bool TryTakeUpTo(ulong tag, out List<ulong> taken, out bool mixed)
    {
        lock (_gate)
        {
            taken = [];
            mixed = false;
            if (tag != 0 && !_settledByApplication.Contains(tag))
            {
                return false;
            }

            ulong last = tag == 0 ? ulong.MaxValue : tag;
            taken.AddRange(_settledByApplication.TakeWhile(t => t <= last));
            _settledByApplication.ExceptWith(taken);
            mixed = _settledByReading.Count > 0 && _settledByReading.Min <= last;
            return true;
        }
    }
}
