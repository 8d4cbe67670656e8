using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Messages of one queue on their way back into memory: begun under the queue's gate, read without it, taken in under it again, in slices.</summary>
/// <remarks>Of the pager's one piece of work. What happens to the queue in between makes it stale at worst: then what is left of it is dropped,
/// and read once more.</remarks>
internal sealed class PageIn
{
    private readonly AwayEntry[] _array; // as it was: the run may grow into another one meanwhile

    /// <summary>Begins a page at the start of a run.</summary>
    /// <param name="level">The run's level in the queue.</param>
    /// <param name="run">The run, the first of its level.</param>
    /// <param name="end">The index at which the page ends.</param>
    internal PageIn(int level, AwayRun run, int end)
    {
        Level = level;
        Run = run;
        Start = run.Start;
        End = end;
        _array = run.Entries;
        Expected = run.Block is { } block ? AwayRun.CountLive(block, Start, end) : end - Start;
    }

    /// <summary>The level in the queue.</summary>
    internal int Level { get; }

    /// <summary>The run that it reads.</summary>
    internal AwayRun Run { get; }

    /// <summary>The index of the first message that the queue has not taken in yet.</summary>
    internal int Start { get; set; }

    /// <summary>The index after the last one.</summary>
    internal int End { get; }

    /// <summary>How many messages there are between.</summary>
    internal int Expected { get; }

    /// <summary>The messages, once they are read.</summary>
    internal List<QueueEntry> Entries { get; } = [];

    /// <summary>Whether the queue has taken all of them in.</summary>
    internal bool IsTaken => Start == End;

    /// <summary>How many of them the queue has taken in.</summary>
    internal int TakenCount { get; set; }

    /// <summary>Gives up what the queue has not taken in.</summary>
    internal void Abandon() => Start = End;

    /// <summary>Reads them. May wait for the disk.</summary>
    /// <param name="store">The store.</param>
    /// <param name="owner">The queue.</param>
    internal void Read(IBacklogStore store, IEntryOwner owner)
    {
        if (Run.Block is { } block)
        {
            store.Read(block, Start, End, owner, Entries);
        }
        else
        {
            store.Read(_array.AsSpan(Start, End - Start), owner, Entries);
        }

        if (Entries.Count != Expected)
        {
            throw new InvalidOperationException(
                $"The store gave {Entries.Count} messages of queue '{owner.Name}' where {Expected} are on disk. This is a defect of the broker.");
        }
    }
}
