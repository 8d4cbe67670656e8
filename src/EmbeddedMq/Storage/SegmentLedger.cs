using System.Collections.Concurrent;
using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage;

/// <summary>Counts what is alive in each segment of a log: claims of queues on messages, or bytes of blocks.</summary>
/// <remarks>Thread-safe. A segment that holds nothing alive may be released once a checkpoint no longer needs it. There is no count per message.</remarks>
/// <param name="log">The log.</param>
internal sealed class SegmentLedger(IAppendLog log)
{
    private readonly ConcurrentDictionary<long, Cell> _cells = new();
    private Cell? _last; // most claims are made and given up in the newest segment

    /// <summary>What is alive in all segments.</summary>
    internal long Total => _cells.Values.Sum(static cell => Volatile.Read(ref cell.Live));

    /// <summary>Adds to a segment.</summary>
    /// <param name="address">An address in it.</param>
    /// <param name="amount">How much.</param>
    internal void Add(long address, long amount) => Interlocked.Add(ref CellOf(address).Live, amount);

    /// <summary>Adds to a segment.</summary>
    /// <param name="segment">Its number.</param>
    /// <param name="amount">How much; less than nothing to take it back.</param>
    internal void AddTo(long segment, long amount)
        => Interlocked.Add(ref _cells.GetOrAdd(segment, static number => new Cell(number)).Live, amount);

    /// <summary>Takes from a segment.</summary>
    /// <param name="address">An address in it.</param>
    /// <param name="amount">How much.</param>
    internal void Release(long address, long amount)
    {
        if (Interlocked.Add(ref CellOf(address).Live, -amount) < 0)
        {
            throw new InvalidOperationException($"Segment {log.SegmentOf(address)} is said to hold less than nothing. This is a defect of the broker.");
        }
    }

    /// <summary>What is alive in a segment.</summary>
    /// <param name="segment">Its number.</param>
    internal long LiveIn(long segment) => _cells.TryGetValue(segment, out Cell? cell) ? Volatile.Read(ref cell.Live) : 0;

    /// <summary>Forgets a segment that was released.</summary>
    /// <param name="segment">Its number.</param>
    internal void Forget(long segment) => _cells.TryRemove(segment, out _);

    /// <summary>Forgets the segments that were released.</summary>
    /// <param name="segment">The number of the first one that stays.</param>
    internal void ForgetBelow(long segment)
    {
        foreach (long number in _cells.Keys.Where(number => number < segment && LiveIn(number) == 0))
        {
            Forget(number);
        }
    }

    private Cell CellOf(long address)
    {
        long segment = log.SegmentOf(address);
        Cell? last = Volatile.Read(ref _last);
        if (last?.Segment == segment)
        {
            return last;
        }

        Cell cell = _cells.GetOrAdd(segment, static number => new Cell(number));
        Volatile.Write(ref _last, cell);
        return cell;
    }

    private sealed class Cell(long segment)
    {
        internal readonly long Segment = segment;
        internal long Live;
    }
}
