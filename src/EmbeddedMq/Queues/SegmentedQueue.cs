using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Queues;

/// <summary>A list in segments, filled at the end and emptied at the front (and, to put it away, at the end): it never copies what it holds to grow, and gives memory back as it shrinks.</summary>
/// <remarks>Not thread-safe. The last segment emptied is kept for the next need, so that a steady flow allocates nothing.</remarks>
/// <typeparam name="T">What it holds.</typeparam>
internal sealed class SegmentedQueue<T>
    where T : class
{
    private const int FirstSegment = 4; // of very many queues most hold hardly anything
    private const int LargestSegment = 1_024;

    private Segment? _head;
    private Segment? _tail;
    private Segment? _spare;

    /// <summary>How many items it holds.</summary>
    internal int Count { get; private set; }

    /// <summary>Appends an item.</summary>
    /// <param name="item">The item.</param>
    internal void Enqueue(T item)
    {
        if (_tail is null || _tail.End == _tail.Items.Length)
        {
            AddSegment();
        }

        _tail!.Items[_tail.End++] = item;
        Count++;
    }

    /// <summary>Shows the first item.</summary>
    /// <param name="item">The item.</param>
    internal bool TryPeek([NotNullWhen(true)] out T? item)
    {
        item = Count == 0 ? null : _head!.Items[_head.Start];
        return item is not null;
    }

    /// <summary>Takes the first item.</summary>
    /// <param name="item">The item.</param>
    internal bool TryDequeue([NotNullWhen(true)] out T? item)
    {
        if (Count == 0)
        {
            item = null;
            return false;
        }

        Segment head = _head!;
        item = head.Items[head.Start]!;
        head.Items[head.Start++] = null;
        Count--;
        if (head.Start == head.End)
        {
            DropHead(head);
        }

        return true;
    }

    /// <summary>Shows the last item.</summary>
    /// <param name="item">The item.</param>
    internal bool TryPeekLast([NotNullWhen(true)] out T? item)
    {
        item = Count == 0 ? null : _tail!.Items[_tail.End - 1];
        return item is not null;
    }

    /// <summary>Takes the last item.</summary>
    /// <param name="item">The item.</param>
    internal bool TryDequeueLast([NotNullWhen(true)] out T? item)
    {
        if (!TryPeekLast(out item))
        {
            return false;
        }

        Segment tail = _tail!;
        tail.Items[--tail.End] = null;
        Count--;
        if (tail.Start == tail.End)
        {
            DropTail(tail);
        }

        return true;
    }

    /// <summary>Takes all items behind the first ones away. It costs a walk over the segments of those that stay.</summary>
    /// <param name="count">How many stay; less than <see cref="Count"/>.</param>
    /// <returns>The others.</returns>
    internal SegmentedQueue<T> SplitAfter(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(count, Count);
        SegmentedQueue<T> rest = new();
        Segment segment = _head!;
        int left = count;
        while (left > segment.End - segment.Start)
        {
            left -= segment.End - segment.Start;
            segment = segment.Next!;
        }

        int cut = segment.Start + left;
        int moved = segment.End - cut;
        Segment? next = segment.Next;
        if (moved > 0)
        {
            Segment first = new(segment.Items.Length) { End = moved, Next = next };
            Array.Copy(segment.Items, cut, first.Items, 0, moved);
            Array.Clear(segment.Items, cut, moved);
            rest._tail = next is null ? first : _tail;
            if (next is not null)
            {
                next.Previous = first;
            }

            next = first;
        }
        else
        {
            rest._tail = _tail;
        }

        next!.Previous = null;
        rest._head = next;
        rest.Count = Count - count;
        segment.End = cut;
        segment.Next = null;
        _tail = segment;
        Count = count;
        if (count == 0)
        {
            segment.Start = 0;
            segment.End = 0;
        }

        return rest;
    }

    /// <summary>Puts all items of another list behind its own; the other is not to be used any more.</summary>
    /// <param name="other">The other list.</param>
    internal void Append(SegmentedQueue<T> other)
    {
        if (other.Count == 0)
        {
            return;
        }

        if (Count == 0)
        {
            _head = other._head;
        }
        else
        {
            _tail!.Next = other._head;
            other._head!.Previous = _tail;
        }

        _tail = other._tail;
        Count += other.Count;
    }

    /// <summary>Goes through the items whose keys are beyond a value, in order; not to be changed meanwhile. Whole segments are passed over.</summary>
    /// <param name="key">The value.</param>
    /// <param name="keyOf">An item's key; keys grow along the list.</param>
    internal IEnumerable<T> After(ulong key, Func<T, ulong> keyOf)
    {
        Segment? segment = Count == 0 ? null : _head;
        while (segment is not null)
        {
            if (keyOf(segment.Items[segment.End - 1]!) > key)
            {
                for (int i = segment.Start; i < segment.End; i++)
                {
                    if (keyOf(segment.Items[i]!) > key)
                    {
                        yield return segment.Items[i]!;
                    }
                }
            }

            segment = segment.Next;
        }
    }

    /// <summary>Goes through the items in order; not to be changed meanwhile.</summary>
    public Enumerator GetEnumerator() => new(Count == 0 ? null : _head);

    private void AddSegment()
    {
        Segment segment = _spare ?? new Segment(_tail is null ? FirstSegment : Math.Min(_tail.Items.Length * 2, LargestSegment));
        _spare = null;
        if (_tail is null)
        {
            _head = segment;
        }
        else
        {
            _tail.Next = segment;
            segment.Previous = _tail;
        }

        _tail = segment;
    }

    private void DropHead(Segment head)
    {
        if (head.Next is null)
        {
            head.Start = 0; // the only segment, and empty: use it again from its beginning
            head.End = 0;
            return;
        }

        _head = head.Next;
        _head.Previous = null;
        head.Next = null; // else a promoted dead segment would keep its successors alive
        head.Start = 0;
        head.End = 0;
        _spare = head;
    }

    private void DropTail(Segment tail)
    {
        if (tail.Previous is null)
        {
            tail.Start = 0; // the only segment
            tail.End = 0;
            return;
        }

        _tail = tail.Previous;
        _tail.Next = null;
        tail.Previous = null;
        tail.Start = 0;
        tail.End = 0;
        _spare = tail;
    }

    /// <summary>Goes through the items of a list.</summary>
    internal struct Enumerator
    {
        private Segment? _segment;
        private int _next;

        internal Enumerator(object? head)
        {
            _segment = (Segment?)head;
            _next = _segment?.Start ?? 0;
        }

        /// <summary>The item.</summary>
        public T Current { get; private set; } = null!;

        /// <summary>Goes on to the next item.</summary>
        public bool MoveNext()
        {
            if (_segment is null)
            {
                return false;
            }

            Current = _segment.Items[_next++]!;
            if (_next == _segment.End)
            {
                _segment = _segment.Next;
                _next = _segment?.Start ?? 0;
            }

            return true;
        }
    }

    private sealed class Segment(int length)
    {
        internal readonly T?[] Items = new T?[length];
        internal int Start;
        internal int End;
        internal Segment? Next;
        internal Segment? Previous;
    }
}
