using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>The ready messages of a queue, highest priority first, in order of their positions within one priority.</summary>
/// <remarks>Guarded by the queue's gate. A queue without priorities has one level. A bitmap tells the highest level that holds something.</remarks>
/// <param name="maxPriority">The highest priority, 0 to 255; 0: no priorities.</param>
internal sealed partial class PriorityReadyList(int maxPriority)
{
    // The lowest level, and the marks of the lowest 64, are by themselves: most queues have no other, and there may be very many queues.
    private readonly ReadyList?[] _higher = maxPriority == 0 ? [] : new ReadyList?[maxPriority];
    private readonly ulong[] _occupiedAbove = maxPriority < 64 ? [] : new ulong[maxPriority / 64];
    private ReadyList? _lowest;
    private ulong _occupied;

    /// <summary>How many messages are ready, in memory or on disk.</summary>
    internal int Count { get; private set; }

    /// <summary>Bytes of their bodies.</summary>
    internal long BodyBytes { get; private set; }

    /// <summary>Whether there is none.</summary>
    internal bool IsEmpty => Count == 0;

    /// <summary>The level of a message of some priority; the queue's highest for whatever is above it.</summary>
    /// <param name="priority">The message's priority, or <see langword="null"/> when it has none.</param>
    internal byte LevelOf(byte? priority) => (byte)Math.Min(priority ?? 0, maxPriority);

    /// <summary>Appends a message that is new to the queue.</summary>
    /// <param name="entry">The message.</param>
    internal void Add(QueueEntry entry)
    {
        Account(entry).Add(entry);
    }

    /// <summary>Puts a message back at its position.</summary>
    /// <param name="entry">The message.</param>
    internal void Return(QueueEntry entry)
    {
        Account(entry).Return(entry);
    }

    /// <summary>Shows the first message, if it is in memory.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryPeek([NotNullWhen(true)] out QueueEntry? entry)
    {
        if (Count == 0)
        {
            entry = null;
            return false;
        }

        return LevelAt(Highest())!.TryPeek(out entry);
    }

    /// <summary>Takes the first message, if it is in memory.</summary>
    /// <param name="entry">The message.</param>
    internal bool TryTake([NotNullWhen(true)] out QueueEntry? entry)
    {
        if (Count == 0)
        {
            entry = null;
            return false;
        }

        int level = Highest();
        ReadyList list = LevelAt(level)!;
        if (!list.TryTake(out entry))
        {
            return list.AwayCount > 0
                ? false
                : throw new InvalidOperationException("A level said to hold messages is empty. This is a defect of the broker.");
        }

        Count--;
        BodyBytes -= entry.BodyBytes;
        if (list.Count == 0)
        {
            MarksOf(level) &= ~(1UL << (level % 64));
        }

        return true;
    }

    private ReadyList Account(QueueEntry entry)
    {
        int level = entry.Priority;
        Count++;
        BodyBytes += entry.BodyBytes;
        MarksOf(level) |= 1UL << (level % 64);
        return LevelAt(level) ??= new ReadyList();
    }

    private ref ReadyList? LevelAt(int level) => ref level == 0 ? ref _lowest : ref _higher[level - 1];

    private ref ulong MarksOf(int level) => ref level < 64 ? ref _occupied : ref _occupiedAbove[(level / 64) - 1];

    private int Highest()
    {
        for (int word = _occupiedAbove.Length; word >= 0; word--)
        {
            ulong marks = MarksOf(word * 64);
            if (marks != 0)
            {
                return (word * 64) + BitOperations.Log2(marks);
            }
        }

        throw new InvalidOperationException("Messages are counted and no level holds one. This is a defect of the broker.");
    }
}
