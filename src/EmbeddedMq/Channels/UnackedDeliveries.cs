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
/// writes lie apart from the other's: registering takes the give gate, settling the take gate, and neither looks at the other's places more
/// often than once in half a ring. What concerns both sides takes both gates, the take gate first.</para>
/// <para>One delivery that stays unsettled while millions pass would stretch the ring without bound; once the ring is long and mostly empty,
/// what is oldest moves to a sorted side table, and the ring goes on from where it is dense.</para>
/// </remarks>
internal sealed class UnackedDeliveries
{
    private const int FirstLength = 64;

    // A ring as long as this, and less than one quarter full, lets its oldest go to the side table instead of growing.
    private const int LongLength = 4_096;

    private readonly ShortLock _takeGate = new();
    private readonly ShortLock _giveGate = new();

    // Written under both gates, read under either.
    private Slot[] _ring = new Slot[FirstLength];
    private int _windowLimit;   // 0: consumers share no window; read without a gate, too
    private bool _isClosed;

    private SortedDictionary<ulong, Slot>? _stragglers; // guarded by the take gate
    private GivingSide _given = new() { Next = 1, OldestSeen = 1 };
    private TakingSide _taken = new() { Oldest = 1 };

    /// <summary>How many are unsettled.</summary>
    internal int Count
    {
        get
        {
            using (_takeGate.Enter())
            {
                using (_giveGate.Enter())
                {
                    return RingCount_NeedsGates + (_stragglers?.Count ?? 0);
                }
            }
        }
    }

    /// <summary>Whether the channel's consumers share a window.</summary>
    internal bool HasWindow => Volatile.Read(ref _windowLimit) > 0;

    /// <summary>Sets the window that the channel's consumers share; effective at once.</summary>
    /// <param name="prefetchCount">How many deliveries to consumers may be unsettled; 0 for no limit.</param>
    internal void SetWindow(int prefetchCount)
    {
        using (_takeGate.Enter())
        {
            using (_giveGate.Enter())
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

            using (_giveGate.Enter())
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

        using (_giveGate.Enter())
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
            using (_giveGate.Enter())
            {
                if (_isClosed)
                {
                    return 0;
                }

                if (HasRoom_NeedsGiveGate())
                {
                    ulong tag = _given.Next;
                    SlotOf(tag) = new Slot(entry, consumer);
                    _given.Count++;
                    if (consumer is not null)
                    {
                        _given.ToConsumers++;
                        _given.Reserved -= _given.Reserved == 0 ? 0 : 1; // none, where there was no window yet when its credit was taken
                    }

                    Volatile.Write(ref _given.Next, tag + 1); // after the slot: whoever settles looks at this before that
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
            using (_giveGate.Enter())
            {
                if (_isClosed)
                {
                    return 0;
                }

                if (HasRoom_NeedsGiveGate())
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
    /// <param name="keepsPlace">Whether it keeps its place in the shared window until <see cref="ReleasePlaces"/>: a transaction holds its settlement.</param>
    /// <returns><see langword="false"/> when the tag is unknown or settled.</returns>
    internal bool TryTake(ulong tag, [MaybeNullWhen(false)] out Unsettled unsettled, bool keepsPlace = false)
    {
        using (_takeGate.Enter())
        {
            return TryTake_NeedsTakeGate(tag, out unsettled, keepsPlace);
        }
    }

    /// <summary>Removes every delivery up to and with a tag.</summary>
    /// <param name="tag">The tag; 0 for all.</param>
    /// <param name="taken">The deliveries, the oldest first.</param>
    /// <param name="keepsPlaces">Whether they keep their places in the shared window until <see cref="ReleasePlaces"/>.</param>
    /// <returns><see langword="false"/>, with nothing removed, when no delivery with that tag can have been made or is left to settle.</returns>
    internal bool TryTakeUpTo(ulong tag, List<Unsettled> taken, bool keepsPlaces = false)
    {
        using (_takeGate.Enter())
        {
            return TryTakeUpTo_NeedsTakeGate(tag, taken, keepsPlaces);
        }
    }

    /// <summary>Frees the places in the shared window that deliveries kept: the transaction that held their settlement is carried out.</summary>
    /// <param name="deliveries">The deliveries.</param>
    internal void ReleasePlaces(List<Unsettled> deliveries)
    {
        using (_takeGate.Enter())
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
        using (_takeGate.Enter())
        {
            using (_giveGate.Enter())
            {
                if (_isClosed)
                {
                    return false;
                }

                foreach (Unsettled delivery in deliveries)
                {
                    Slot slot = new(delivery.Entry, delivery.Consumer);
                    if (delivery.Tag >= _taken.Oldest)
                    {
                        SlotOf(delivery.Tag) = slot;
                        _taken.Count--;
                    }
                    else
                    {
                        (_stragglers ??= []).Add(delivery.Tag, slot);
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
        using (_takeGate.Enter())
        {
            using (_giveGate.Enter())
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

    // Looks at the other side's place only when all of the ring may be in use, and has it made longer when more than half of it is: so this
    // happens once in half a ring.
    private bool HasRoom_NeedsGiveGate()
    {
        if (_given.Next - _given.OldestSeen < (ulong)_ring.Length)
        {
            return true;
        }

        _given.OldestSeen = Volatile.Read(ref _taken.Oldest);
        return _given.Next - _given.OldestSeen <= (ulong)_ring.Length / 2;
    }

    private bool Contains_NeedsTakeGate(ulong tag)
        => tag >= _taken.Oldest ? IsGiven_NeedsTakeGate(tag) && SlotOf(tag).Entry is not null : _stragglers?.ContainsKey(tag) == true;

    private bool IsGiven_NeedsTakeGate(ulong tag)
        => tag < _taken.NextSeen || tag < (_taken.NextSeen = Volatile.Read(ref _given.Next));

    private bool TryTake_NeedsTakeGate(ulong tag, out Unsettled unsettled, bool keepsPlace)
    {
        if (tag >= _taken.Oldest)
        {
            if (IsGiven_NeedsTakeGate(tag) && SlotOf(tag) is { Entry: { } entry } slot)
            {
                unsettled = new Unsettled(tag, entry, slot.Consumer);
                SlotOf(tag) = default;
                _taken.Count++;
                ReleaseWindow(slot.Consumer, keepsPlace);
                if (tag == _taken.Oldest)
                {
                    SkipSettled_NeedsTakeGate(_taken.NextSeen);
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
            taken.Add(new Unsettled(straggler.Key, straggler.Value.Entry!, straggler.Value.Consumer));
            ReleaseWindow(straggler.Value.Consumer, keepsPlaces);
        }

        for (ulong oldest = _taken.Oldest; oldest <= last; oldest++)
        {
            if (TryTake_NeedsTakeGate(oldest, out Unsettled unsettled, keepsPlaces))
            {
                taken.Add(unsettled);
            }
        }

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

    private void SkipSettled_NeedsTakeGate(ulong next)
    {
        ulong oldest = _taken.Oldest;
        while (oldest < next && SlotOf(oldest).Entry is null)
        {
            oldest++;
        }

        Volatile.Write(ref _taken.Oldest, oldest); // after the slots: whoever registers looks at this before it uses them again
    }

    private void MakeRoom()
    {
        using (_takeGate.Enter())
        {
            using (_giveGate.Enter())
            {
                SkipSettled_NeedsTakeGate(_given.Next);
                ulong half = (ulong)_ring.Length / 2;
                if (_given.Next - _taken.Oldest > half)
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

                _given.OldestSeen = _taken.Oldest;
            }
        }
    }

    private void Lengthen_NeedsGates()
    {
        Slot[] longer = new Slot[_ring.Length * 2];
        for (ulong tag = _taken.Oldest; tag < _given.Next; tag++)
        {
            longer[tag & (ulong)(longer.Length - 1)] = SlotOf(tag);
        }

        _ring = longer;
    }

    private void MoveToStragglers_NeedsGates(ulong below)
    {
        ulong tag = _taken.Oldest;
        for (; tag < below; tag++)
        {
            ref Slot slot = ref SlotOf(tag);
            if (slot.Entry is not null)
            {
                (_stragglers ??= []).Add(tag, slot);
                slot = default;
                _taken.Count++;
            }
        }

        Volatile.Write(ref _taken.Oldest, tag);
    }

    private ref Slot SlotOf(ulong tag) => ref _ring[tag & (ulong)(_ring.Length - 1)];

    private readonly record struct Slot(QueueEntry? Entry, Consumer? Consumer);

    // Guarded by the give gate; a cache line before it belongs to no one.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct GivingSide
    {
        [FieldOffset(64)]
        internal ulong Next;        // the next tag; read by the other side, too

        [FieldOffset(72)]
        internal ulong OldestSeen;  // the other side's oldest, when it was looked at last

        [FieldOffset(80)]
        internal long Count;        // registered in the ring, ever

        [FieldOffset(88)]
        internal long ToConsumers;  // registered for consumers, ever

        [FieldOffset(96)]
        internal int Reserved;      // places taken for deliveries that are about to be registered
    }

    // Guarded by the take gate.
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct TakingSide
    {
        [FieldOffset(64)]
        internal ulong Oldest;        // no unsettled tag in the ring is below it; read by the other side, too

        [FieldOffset(72)]
        internal ulong NextSeen;      // the other side's next tag, when it was looked at last

        [FieldOffset(80)]
        internal long Count;          // taken out of the ring, ever

        [FieldOffset(88)]
        internal long FromConsumers;  // places in the shared window given back, ever; read by the other side, too
    }
}
