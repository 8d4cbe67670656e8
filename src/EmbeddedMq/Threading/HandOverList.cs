using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Threading;

/// <summary>A list that one thread at a time puts items into while another takes them out: a few plain reads and writes an item, and no interlocked
/// operation.</summary>
/// <remarks>
/// <para>Whoever puts holds something that keeps others from putting, and likewise for taking; between the two sides nothing is needed.</para>
/// <para>The items lie in a ring. When it is full, one twice as long follows, and the full one goes when it has been emptied; so a flow that
/// has found its length allocates nothing. Each side remembers how far the other was when it last looked, and looks again only when that has been
/// used up: with items in the list, the two hardly touch each other's cache lines but for the items. A taking side that waits a little before it
/// looks again (<see cref="TryTakeSeen"/>) touches them less still.</para>
/// </remarks>
/// <typeparam name="T">What it holds.</typeparam>
internal sealed class HandOverList<T>
{
    private const int FirstLength = 16;
    private const int LongestLength = 65_536; // a longer one would keep its memory for ever; beyond it there are several

    private Ring _putting;         // the putting side's
    private volatile Ring _taking; // the taking side's; read by anybody

    /// <summary>Makes an empty list.</summary>
    internal HandOverList()
    {
        _putting = new Ring(FirstLength);
        _taking = _putting;
    }

    /// <summary>Whether there is nothing to take. To others than the taking side it may say <see langword="false"/> a little longer.</summary>
    internal bool IsEmpty
    {
        get
        {
            Ring ring = _taking;
            return ring.Positions.Taken == ring.Positions.Put && ring.Next is null;
        }
    }

    /// <summary>How many items there are to take; <see cref="int.MaxValue"/> for more than a ring holds. Out of date at once.</summary>
    internal int Count
    {
        get
        {
            Ring ring = _taking;
            return ring.Next is null ? ring.Positions.Put - ring.Positions.Taken : int.MaxValue;
        }
    }

    /// <summary>Puts an item at the end.</summary>
    /// <param name="item">The item.</param>
    internal void Put(T item)
    {
        Ring ring = _putting;
        int put = ring.Positions.Put;
        if (put - ring.Positions.TakenSeen == ring.Items.Length)
        {
            ring.Positions.TakenSeen = ring.Positions.Taken;
            if (put - ring.Positions.TakenSeen == ring.Items.Length)
            {
                PutIntoNext(item);
                return;
            }
        }

        ring.Items[put & (ring.Items.Length - 1)] = item;
        ring.Positions.Put = put + 1; // after the item
    }

    /// <summary>Takes the first item, if there is one.</summary>
    /// <param name="item">The item.</param>
    internal bool TryTake([MaybeNullWhen(false)] out T item)
    {
        if (!TryTakeSeen(out item))
        {
            See();
            return TryTakeSeen(out item);
        }

        return true;
    }

    /// <summary>Takes the first item, if one is left of those that were there when the taking side last found none seen and looked.</summary>
    /// <param name="item">The item.</param>
    internal bool TryTakeSeen([MaybeNullWhen(false)] out T item)
    {
        Ring ring = _taking;
        int taken = ring.Positions.Taken;
        if (taken == ring.Positions.PutSeen)
        {
            item = default;
            return false;
        }

        ref T place = ref ring.Items[taken & (ring.Items.Length - 1)];
        item = place;
        place = default!;
        ring.Positions.Taken = taken + 1; // after the place has been emptied
        return true;
    }

    private void PutIntoNext(T item)
    {
        Ring next = new(Math.Min(_putting.Items.Length * 2, LongestLength));
        next.Items[0] = item;
        next.Positions.Put = 1;
        _putting.Next = next; // nothing is put into the old one from here on
        _putting = next;
    }

    private void See()
    {
        while (true)
        {
            // In this order: where there is a next one, all that ever comes into this one has been seen.
            Ring ring = _taking;
            Ring? next = ring.Next;
            ring.Positions.PutSeen = ring.Positions.Put;
            if (next is null || ring.Positions.PutSeen != ring.Positions.Taken)
            {
                return;
            }

            _taking = next;
        }
    }

    private sealed class Ring(int length)
    {
        internal readonly T[] Items = new T[length];
        internal HandOverPositions Positions;
        internal volatile Ring? Next;
    }
}
