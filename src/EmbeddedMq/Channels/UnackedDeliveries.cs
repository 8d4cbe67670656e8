using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Channels;

/// <summary>A channel's book of deliveries: it numbers them and keeps the unsettled ones.</summary>
/// <remarks>
/// <para>Thread-safe; its gate is the last in the lock order and holds no call out. Tags are dense, so that a ring indexed by tag serves:
/// the slot of a tag is <c>tag &amp; (length - 1)</c>, and the ring spans from the oldest unsettled tag to the newest given.</para>
/// <para>One delivery that stays unsettled while millions pass would stretch the ring without bound; once the ring is long and mostly empty,
/// what is oldest moves to a sorted side table, and the ring goes on from where it is dense.</para>
/// </remarks>
internal sealed class UnackedDeliveries
{
    private const int FirstLength = 64;

    // A ring as long as this, and less than one quarter full, lets its oldest go to the side table instead of growing.
    private const int LongLength = 4_096;

    private readonly Lock _gate = new();
    private Slot[] _ring = new Slot[FirstLength];
    private SortedDictionary<ulong, Slot>? _stragglers;
    private ulong _oldest = 1; // no unsettled tag in the ring is below it
    private ulong _next = 1;
    private int _ringCount;
    private int _windowLimit;   // 0: consumers share no window
    private int _toConsumers;   // unsettled deliveries of consumers
    private int _reserved;      // places taken for deliveries that are about to be registered
    private bool _isClosed;

    /// <summary>How many are unsettled.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _ringCount + (_stragglers?.Count ?? 0);
            }
        }
    }

    /// <summary>Whether the channel's consumers share a window.</summary>
    internal bool HasWindow => Volatile.Read(ref _windowLimit) > 0;

    /// <summary>Sets the window that the channel's consumers share; effective at once.</summary>
    /// <param name="prefetchCount">How many deliveries to consumers may be unsettled; 0 for no limit.</param>
    internal void SetWindow(int prefetchCount)
    {
        lock (_gate)
        {
            _windowLimit = prefetchCount;
        }
    }

    /// <summary>Whether <see cref="TryTakeWindow"/> would succeed now.</summary>
    internal bool HasWindowPlace
    {
        get
        {
            if (!HasWindow)
            {
                return true;
            }

            lock (_gate)
            {
                return HasWindowPlace_NeedsGate;
            }
        }
    }

    /// <summary>Takes a place in the shared window for a delivery to a consumer that is about to be registered.</summary>
    internal bool TryTakeWindow()
    {
        if (!HasWindow)
        {
            return true;
        }

        lock (_gate)
        {
            if (!HasWindowPlace_NeedsGate)
            {
                return false;
            }

            _reserved++;
            return true;
        }
    }

    /// <summary>Gives the next tag and remembers the delivery under it.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="consumer">Who receives it; <see langword="null"/> for a get.</param>
    /// <returns>The tag, or 0 when the book is closed.</returns>
    internal ulong Register(QueueEntry entry, Consumer? consumer)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return 0;
            }

            if (_ringCount == 0)
            {
                _oldest = _next;
            }

            if (_next - _oldest >= (ulong)_ring.Length)
            {
                MakeRoom();
            }

            ulong tag = _next++;
            SlotOf(tag) = new Slot(entry, consumer);
            _ringCount++;
            if (consumer is not null)
            {
                _toConsumers++;
                _reserved = Math.Max(0, _reserved - 1); // none, where there was no window yet when its credit was taken
            }

            return tag;
        }
    }

    /// <summary>Gives the next tag to a delivery that needs no settling; 0 when the book is closed.</summary>
    internal ulong NextTag()
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return 0;
            }

            if (_ringCount > 0 && _next - _oldest >= (ulong)_ring.Length)
            {
                MakeRoom();
            }

            return _next++;
        }
    }

    /// <summary>Removes one delivery.</summary>
    /// <param name="tag">Its tag.</param>
    /// <param name="unsettled">The delivery.</param>
    /// <param name="keepsPlace">Whether it keeps its place in the shared window until <see cref="ReleasePlaces"/>: a transaction holds its settlement.</param>
    /// <returns><see langword="false"/> when the tag is unknown or settled.</returns>
    internal bool TryTake(ulong tag, [MaybeNullWhen(false)] out Unsettled unsettled, bool keepsPlace = false)
    {
        lock (_gate)
        {
            return TryTake_NeedsGate(tag, out unsettled, keepsPlace);
        }
    }

    /// <summary>Removes every delivery up to and with a tag.</summary>
    /// <param name="tag">The tag; 0 for all.</param>
    /// <param name="taken">The deliveries, the oldest first.</param>
    /// <param name="keepsPlaces">Whether they keep their places in the shared window until <see cref="ReleasePlaces"/>.</param>
    /// <returns><see langword="false"/>, with nothing removed, when no delivery with that tag can have been made or is left to settle.</returns>
    internal bool TryTakeUpTo(ulong tag, List<Unsettled> taken, bool keepsPlaces = false)
    {
        lock (_gate)
        {
            ulong last = tag == 0 ? _next - 1 : tag;
            if (last >= _next || (tag != 0 && !Contains_NeedsGate(tag)))
            {
                return false;
            }

            while (_stragglers is { Count: > 0 } && _stragglers.First() is { } straggler && straggler.Key <= last)
            {
                _stragglers.Remove(straggler.Key);
                taken.Add(new Unsettled(straggler.Key, straggler.Value.Entry!, straggler.Value.Consumer));
                ReleaseWindow(straggler.Value.Consumer, keepsPlaces);
            }

            while (_ringCount > 0 && _oldest <= last)
            {
                if (TryTake_NeedsGate(_oldest, out Unsettled unsettled, keepsPlaces))
                {
                    taken.Add(unsettled);
                }
                else
                {
                    _oldest++;
                }
            }

            return true;
        }
    }

    /// <summary>Frees the places in the shared window that deliveries kept: the transaction that held their settlement is carried out.</summary>
    /// <param name="deliveries">The deliveries.</param>
    internal void ReleasePlaces(List<Unsettled> deliveries)
    {
        lock (_gate)
        {
            foreach (Unsettled delivery in deliveries)
            {
                ReleaseWindow(delivery.Consumer, keepsPlace: false);
            }
        }
    }

    /// <summary>Puts deliveries back under the tags that they had: a transaction that held their settlement was rolled back.</summary>
    /// <param name="deliveries">The deliveries; they have kept their places in the shared window.</param>
    /// <returns><see langword="false"/> when the book is closed.</returns>
    internal bool TryPutBack(IEnumerable<Unsettled> deliveries)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return false;
            }

            foreach (Unsettled delivery in deliveries)
            {
                Slot slot = new(delivery.Entry, delivery.Consumer);
                if (_ringCount > 0 && delivery.Tag >= _oldest)
                {
                    SlotOf(delivery.Tag) = slot;
                    _ringCount++;
                }
                else
                {
                    (_stragglers ??= []).Add(delivery.Tag, slot);
                }
            }

            return true;
        }
    }

    /// <summary>Takes everything and gives no tag any more.</summary>
    /// <returns>The deliveries, the oldest first.</returns>
    internal List<Unsettled> Close()
    {
        List<Unsettled> taken = [];
        TryTakeUpTo(0, taken);
        lock (_gate)
        {
            _isClosed = true;
        }

        TryTakeUpTo(0, taken); // what was registered in between
        return taken;
    }

    private bool HasWindowPlace_NeedsGate => _windowLimit == 0 || _toConsumers + _reserved < _windowLimit;

    private bool Contains_NeedsGate(ulong tag)
        => _ringCount > 0 && tag >= _oldest ? SlotOf(tag).Entry is not null : _stragglers?.ContainsKey(tag) == true;

    private bool TryTake_NeedsGate(ulong tag, out Unsettled unsettled, bool keepsPlace)
    {
        if (_ringCount > 0 && tag >= _oldest && tag < _next)
        {
            ref Slot slot = ref SlotOf(tag);
            if (slot.Entry is { } entry)
            {
                unsettled = new Unsettled(tag, entry, slot.Consumer);
                slot = default;
                _ringCount--;
                ReleaseWindow(unsettled.Consumer, keepsPlace);
                if (tag == _oldest)
                {
                    SkipSettled();
                }

                return true;
            }
        }
        else if (_stragglers is not null && _stragglers.Remove(tag, out Slot straggler))
        {
            unsettled = new Unsettled(tag, straggler.Entry!, straggler.Consumer);
            ReleaseWindow(straggler.Consumer, keepsPlace);
            return true;
        }

        unsettled = default;
        return false;
    }

    // A get takes no place.
    private void ReleaseWindow(Consumer? consumer, bool keepsPlace) => _toConsumers -= consumer is null || keepsPlace ? 0 : 1;

    private void SkipSettled()
    {
        while (_ringCount > 0 && SlotOf(_oldest).Entry is null)
        {
            _oldest++;
        }
    }

    private void MakeRoom()
    {
        if (_ring.Length < LongLength || _ringCount > _ring.Length / 4)
        {
            Slot[] longer = new Slot[_ring.Length * 2];
            for (ulong tag = _oldest; tag < _next; tag++)
            {
                longer[tag & (ulong)(longer.Length - 1)] = SlotOf(tag);
            }

            _ring = longer;
            return;
        }

        // Mostly settled: the older half goes to the side table.
        ulong keepFrom = _next - (ulong)(_ring.Length / 2);
        while (_ringCount > 0 && _oldest < keepFrom)
        {
            ref Slot slot = ref SlotOf(_oldest);
            if (slot.Entry is not null)
            {
                (_stragglers ??= []).Add(_oldest, slot);
                slot = default;
                _ringCount--;
            }

            _oldest++;
        }
    }

    private ref Slot SlotOf(ulong tag) => ref _ring[tag & (ulong)(_ring.Length - 1)];

    private readonly record struct Slot(QueueEntry? Entry, Consumer? Consumer);
}
