using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Queues;

/// <summary>A first-in-first-out list in segments: it never copies what it holds to grow, and gives memory back as it shrinks.</summary>
/// <remarks>Not thread-safe. The last segment emptied is kept for the next need, so that a steady flow allocates nothing.</remarks>
/// <typeparam name="T">What it holds.</typeparam>
internal sealed class SegmentedQueue<T>
    where T : class
{
    private const int FirstSegment = 16;
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
        head.Next = null; // else a promoted dead segment would keep its successors alive
        head.Start = 0;
        head.End = 0;
        _spare = head;
    }

    private sealed class Segment(int length)
    {
        internal readonly T?[] Items = new T?[length];
        internal int Start;
        internal int End;
        internal Segment? Next;
    }
}
