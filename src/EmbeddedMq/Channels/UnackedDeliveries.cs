using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Channels;

/// <summary>A channel's book of deliveries: it numbers them and keeps the unsettled ones.</summary>
/// <remarks>
/// <para>Thread-safe; its gates are the last in the lock order and hold no call out. Tags are dense, so that a ring indexed by tag serves:
/// the slot of a tag is <c>tag &amp; (length - 1)</c>, and the ring spans from the oldest unsettled tag to the newest given.</para>
/// <para>Whoever delivers and whoever settles are mostly two threads, for each message. So each side has a gate, and the places that it
/// writes lie apart from the other's: registering takes the give gate, settling the take gate, and what they share is the slot alone. Where
/// the ring begins is found out when it has been used up, by both gates, as all else that concerns both sides; the take gate comes first.</para>
/// <para>One delivery that stays unsettled while millions pass would stretch the ring without bound; once the ring is long and mostly empty,
/// what is oldest moves to a sorted side table, and the ring goes on from where it is dense.</para>
/// </remarks>
internal sealed class UnackedDeliveries
{
    private const int FirstLength = 64;

    // A ring as long as this, and less than one quarter full, lets its oldest go to the side table instead of growing.
    private const int LongLength = 4_096;

    // Written under both gates, read under either.
    private Slot[] _ring = new Slot[FirstLength];
    private int _windowLimit;   // 0: consumers share no window; read without a gate, too
    private bool _isClosed;

    private SortedDictionary<ulong, Unsettled>? _stragglers; // guarded by the take gate
    private ulong _oldest = 1;                          // written under both gates; no unsettled tag in the ring is below it
    private GivingSide _given = new() { Next = 1 };
    private TakingSide _taken;

    /// <summary>How many are unsettled.</summary>
    internal int Count
    {
        get
        {
            using (_taken.Gate.Enter())
            {
                using (_given.Gate.Enter())
                {
                    return RingCount_NeedsGates + (_stragglers?.Count ?? 0);
                }
            }
        }
    }

    /// <summary>Shows where the unsettled deliveries begin.</summary>
    /// <param name="next">The tag that will be given next.</param>
    /// <returns>The tag of the oldest unsettled one; <paramref name="next"/> when there is none.</returns>
    internal ulong OldestTag(out ulong next)
    {
        using (_taken.Gate.Enter())
        {
            using (_given.Gate.Enter())
            {
                PassSettled_NeedsGates();
                next = _given.Next;
                return _stragglers is { Count: > 0 } stragglers ? stragglers.First().Key : _oldest;
            }
        }
    }

    /// <summary>Whether the channel's consumers share a window.</summary>
    internal bool HasWindow => Volatile.Read(ref _windowLimit) > 0;

    /// <summary>Sets the window that the channel's consumers share; effective at once.</summary>
    /// <param name="prefetchCount">How many deliveries to consumers may be unsettled; 0 for no limit.</param>
    internal void SetWindow(int prefetchCount)
    {
        using (_taken.Gate.Enter())
        {
            using (_given.Gate.Enter())
            {
                Volatile.Write(ref _windowLimit, prefetchCount);
            }
        }

        Interlocked.MemoryBarrier(); // before the caller looks at who is starved
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

            using (_given.Gate.Enter())
            {
                return HasWindowPlace_NeedsGiveGate;
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

        using (_given.Gate.Enter())
        {
            if (!HasWindowPlace_NeedsGiveGate)
            {
                return false;
            }

            _given.Reserved++;
            return true;
        }
    }

    /// <summary>Gives the next tag and remembers the delivery under it.</summary>
    /// <param name="entry">The message.</param>
    /// <param name="consumer">Who receives it; <see langword="null"/> for a get.</param>
    /// <returns>The tag, or 0 when the book is closed.</returns>
    internal ulong Register(QueueEntry entry, Consumer? consumer)
    {
        while (true)
        {
            using (_given.Gate.Enter())
            {
                if (_isClosed)
                {
                    return 0;
                }

                if (HasRoom_NeedsEitherGate())
                {
                    ulong tag = _given.Next;
                    SlotOf(tag).Fill(tag, entry, consumer);
                    _given.Count++;
                    if (consumer is not null)
                    {
                        _given.ToConsumers++;
                        _given.Reserved -= _given.Reserved == 0 ? 0 : 1; // none, where there was no window yet when its credit was taken
                    }

                    Volatile.Write(ref _given.Next, tag + 1); // after the slot: whoever settles all looks at this before that
                    return tag;
                }
            }

            MakeRoom();
        }
    }

    /// <summary>Gives the next tag to a delivery that needs no settling; 0 when the book is closed.</summary>
    internal ulong NextTag()
    {
        while (true)
        {
            using (_given.Gate.Enter())
            {
                if (_isClosed)
                {
                    return 0;
                }

                if (HasRoom_NeedsEitherGate())
                {
                    ulong tag = _given.Next;
                    Volatile.Write(ref _given.Next, tag + 1);
                    return tag;
                }
            }

            MakeRoom();
        }
    }

    /// <summary>Removes one delivery.</summary>
    /// <param name="tag">Its tag.</param>
    /// <param name="unsettled">The delivery.</param>
    /// <param name="keepsPlace">Whether it keeps its place in the shared window until <see cref="ReleasePlaces"/>.</param>
    /// <returns><see langword="false"/> when the tag is unknown or settled.</returns>
    internal bool TryTake(ulong tag, [MaybeNullWhen(false)] out Unsettled unsettled, bool keepsPlace = false)
    {
        using (_taken.Gate.Enter())
        {
            return TryTake_NeedsTakeGate(tag, out unsettled, keepsPlace);
        }
    }

    /// <summary>Removes one delivery, because it is acknowledged.</summary>
    /// <param name="tag">Its tag.</param>
    /// <param name="unsettled">The delivery.</param>
    /// <param name="isCounted">Whether its consumer has counted that; else its queue is to.</param>
    /// <returns><see langword="false"/> when the tag is unknown or settled.</returns>
    internal bool TryTakeAcknowledged(ulong tag, out Unsettled unsettled, out bool isCounted)
    {
        using (_taken.Gate.Enter())
        {
            bool taken = TryTake_NeedsTakeGate(tag, out unsettled, keepsPlace: false);
            isCounted = taken && unsettled.Consumer?.TryCountAcknowledged() == true;
            return taken;
        }
    }

    /// <summary>Ends a consumer's own count of acknowledgements.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <returns>The count.</returns>
    internal long EndTally(Consumer consumer)
    {
        using (_taken.Gate.Enter())
        {
            return consumer.EndTally_NeedsTakeGate();
        }
    }

    /// <summary>Removes every delivery up to and with a tag.</summary>
    /// <param name="tag">The tag; 0 for all.</param>
    /// <param name="taken">The deliveries, the oldest first.</param>
    /// <param name="keepsPlaces">Whether they keep their places in the shared window until <see cref="ReleasePlaces"/>.</param>
    /// <returns><see langword="false"/>, with nothing removed, when no delivery with that tag can have been made or is left to settle.</returns>
    internal bool TryTakeUpTo(ulong tag, List<Unsettled> taken, bool keepsPlaces = false)
    {
        using (_taken.Gate.Enter())
        {
            return TryTakeUpTo_NeedsTakeGate(tag, taken, keepsPlaces);
        }
    }

    /// <summary>Frees the places in the shared window that deliveries kept: they are settled.</summary>
    /// <param name="deliveries">The deliveries.</param>
    internal void ReleasePlaces(List<Unsettled> deliveries)
    {
        using (_taken.Gate.Enter())
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
        using (_taken.Gate.Enter())
        {
            using (_given.Gate.Enter())
            {
                if (_isClosed)
                {
                    return false;
                }

                foreach (Unsettled delivery in deliveries)
                {
                    if (delivery.Tag >= _oldest)
                    {
                        SlotOf(delivery.Tag).Fill(delivery.Tag, delivery.Entry, delivery.Consumer);
                        _taken.Count--;
                        _taken.EmptyBelow = Math.Min(_taken.EmptyBelow, delivery.Tag);
                    }
                    else
                    {
                        (_stragglers ??= []).Add(delivery.Tag, new Unsettled(delivery.Tag, delivery.Entry, delivery.Consumer));
                    }
                }

                return true;
            }
        }
    }

    /// <summary>Takes everything and gives no tag any more.</summary>
    /// <returns>The deliveries, the oldest first.</returns>
    internal List<Unsettled> Close()
    {
        List<Unsettled> taken = [];
        using (_taken.Gate.Enter())
        {
            using (_given.Gate.Enter())
            {
                _isClosed = true;
            }

            TryTakeUpTo_NeedsTakeGate(0, taken, keepsPlaces: false);
        }

        return taken;
    }

    // Whoever settles may have made more room meanwhile: then it is a little less than this says.
    private bool HasWindowPlace_NeedsGiveGate
        => _windowLimit == 0 || _given.ToConsumers - Volatile.Read(ref _taken.FromConsumers) + _given.Reserved < _windowLimit;

    private int RingCount_NeedsGates => (int)(_given.Count - _taken.Count);

    private bool HasRoom_NeedsEitherGate() => _given.Next - _oldest < (ulong)_ring.Length;

    private bool Contains_NeedsTakeGate(ulong tag) => tag >= _oldest ? SlotOf(tag).Holds(tag) : _stragglers?.ContainsKey(tag) == true;

    private bool TryTake_NeedsTakeGate(ulong tag, out Unsettled unsettled, bool keepsPlace)
    {
        if (tag >= _oldest)
        {
            ref Slot slot = ref SlotOf(tag);
            if (!slot.Holds(tag))
            {
                unsettled = default;
                return false;
            }

            unsettled = slot.Empty();
            _taken.Count++;
        }
        else if (_stragglers is null || !_stragglers.Remove(tag, out unsettled))
        {
            unsettled = default;
            return false;
        }

        ReleaseWindow(unsettled.Consumer, keepsPlace);
        return true;
    }

    private bool TryTakeUpTo_NeedsTakeGate(ulong tag, List<Unsettled> taken, bool keepsPlaces)
    {
        ulong next = Volatile.Read(ref _given.Next);
        ulong last = tag == 0 ? next - 1 : tag;
        if (last >= next || (tag != 0 && !Contains_NeedsTakeGate(tag)))
        {
            return false;
        }

        while (_stragglers is { Count: > 0 } && _stragglers.First() is { } straggler && straggler.Key <= last)
        {
            _stragglers.Remove(straggler.Key);
            taken.Add(straggler.Value);
            ReleaseWindow(straggler.Value.Consumer, keepsPlaces);
        }

        for (ulong inRing = Math.Max(_oldest, _taken.EmptyBelow); inRing <= last; inRing++)
        {
            if (TryTake_NeedsTakeGate(inRing, out Unsettled unsettled, keepsPlaces))
            {
                taken.Add(unsettled);
            }
        }

        _taken.EmptyBelow = last + 1;
        return true;
    }

    // A get takes no place.
    private void ReleaseWindow(Consumer? consumer, bool keepsPlace)
    {
        if (consumer is not null && !keepsPlace)
        {
            Volatile.Write(ref _taken.FromConsumers, _taken.FromConsumers + 1);
        }
    }

    private void MakeRoom()
    {
        using (_taken.Gate.Enter())
        {
            using (_given.Gate.Enter())
            {
                PassSettled_NeedsGates();

                // Left as it is only when half of it is free: so this happens once in half a ring.
                ulong half = (ulong)_ring.Length / 2;
                if (_given.Next - _oldest > half)
                {
                    if (_ring.Length < LongLength || RingCount_NeedsGates > _ring.Length / 4)
                    {
                        Lengthen_NeedsGates();
                    }
                    else
                    {
                        MoveToStragglers_NeedsGates(_given.Next - half); // mostly settled
                    }
                }
            }
        }
    }

    private void PassSettled_NeedsGates()
    {
        while (_oldest < _given.Next && !SlotOf(_oldest).Holds(_oldest))
        {
            _oldest++;
        }
    }

    private void Lengthen_NeedsGates()
    {
        Slot[] longer = new Slot[_ring.Length * 2];
        for (ulong tag = _oldest; tag < _given.Next; tag++)
        {
            longer[tag & (ulong)(longer.Length - 1)] = SlotOf(tag);
        }

        _ring = longer;
    }

    private void MoveToStragglers_NeedsGates(ulong below)
    {
        for (; _oldest < below; _oldest++)
        {
            ref Slot slot = ref SlotOf(_oldest);
            if (slot.Holds(_oldest))
            {
                (_stragglers ??= []).Add(_oldest, slot.Empty());
                _taken.Count++;
            }
        }
    }

    private ref Slot SlotOf(ulong tag) => ref _ring[tag & (ulong)(_ring.Length - 1)];

    // A tag that needs no settling leaves its slot as it was. Whoever asks for a tag that has not been given looks at a slot that may be filled
    // beside that: so the tag is written last and read first.
    private struct Slot
    {
        private ulong _tag;
        private QueueEntry? _entry;
        private Consumer? _consumer;

        internal bool Holds(ulong tag) => Volatile.Read(ref _tag) == tag && _entry is not null;

        internal void Fill(ulong tag, QueueEntry entry, Consumer? consumer)
        {
            _entry = entry;
            _consumer = consumer;
            Volatile.Write(ref _tag, tag);
        }

        internal Unsettled Empty()
        {
            Unsettled unsettled = new(_tag, _entry!, _consumer);
            this = default;
            return unsettled;
        }
    }

    // Guarded by the give gate, which is in it; a cache line before it belongs to no one.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct GivingSide
    {
        [FieldOffset(64)]
        internal ShortLock Gate;

        [FieldOffset(72)]
        internal ulong Next;        // the next tag; read by the other side, too

        [FieldOffset(80)]
        internal long Count;        // registered in the ring, ever

        [FieldOffset(88)]
        internal long ToConsumers;  // registered for consumers, ever

        [FieldOffset(96)]
        internal int Reserved;      // places taken for deliveries that are about to be registered
    }

    // Guarded by the take gate, which is in it.
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct TakingSide
    {
        [FieldOffset(64)]
        internal ShortLock Gate;

        [FieldOffset(72)]
        internal ulong EmptyBelow;    // nothing in the ring is left below it, where all up to a tag was settled at once

        [FieldOffset(80)]
        internal long Count;          // taken out of the ring, ever

        [FieldOffset(88)]
        internal long FromConsumers;  // places in the shared window given back, ever; read by the other side, too
    }
}
