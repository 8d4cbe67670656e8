using EmbeddedMq.Messages;

namespace EmbeddedMq.Queues;

/// <summary>Messages of one level of one queue that are only on disk and follow one another: entries of the journal, or a part of a block.</summary>
/// <remarks>
/// Guarded by the queue's gate. Messages leave it at its start and come at its end, or go back to its start in the reverse order; hence an index
/// in the array keeps meaning one message, and what lies between two indexes may be read without the gate while the run stands.
/// </remarks>
internal sealed class AwayRun
{
    /// <summary>Most messages in one run; as many as in a <see cref="StoredBlock"/>.</summary>
    internal const int MaxCount = 4_096;

    /// <summary>Bytes of bodies at which a run is full. It becomes one block, and blocks do not cross pages of 4 MiB: with what a message of a
    /// kilobyte has beside its body, four fit into a page.</summary>
    internal const long MaxBodyBytes = 880 << 10;

    private const int SmallArray = 64;
    private const int BackwardsArray = 1_024;

    private AwayEntry[] _entries;

    private AwayRun(AwayEntry[] entries, StoredBlock? block)
    {
        _entries = entries;
        Block = block;
    }

    /// <summary>The block that holds the messages; <see langword="null"/>: they are entries of the journal.</summary>
    internal StoredBlock? Block { get; }

    /// <summary>The index of the first message, in the array or in the block.</summary>
    internal int Start { get; private set; }

    /// <summary>The index after the last one.</summary>
    internal int End { get; private set; }

    /// <summary>How many messages there are: all between <see cref="Start"/> and <see cref="End"/>, but for those that a block calls settled.</summary>
    internal int Count { get; private set; }

    /// <summary>Bytes of their bodies; of a block that was recovered an estimate, put right as it is read.</summary>
    internal long BodyBytes { get; private set; }

    /// <summary>The position of the first message; those of the others follow without a gap, and are so never beyond the ones they had.</summary>
    internal ulong FirstSequence { get; set; }

    /// <summary>The next run.</summary>
    internal AwayRun? Next { get; set; }

    /// <summary>The run before.</summary>
    internal AwayRun? Previous { get; set; }

    /// <summary>The list that it is in; <see langword="null"/>: none.</summary>
    internal AwayRuns? Owner { get; set; }

    /// <summary>Entries of the journal; of no block.</summary>
    internal AwayEntry[] Entries => _entries;

    /// <summary>The smallest id among the entries of the journal that ever were in it; for a block none is below anything.</summary>
    internal ulong LowestStoredAt { get; private set; } = ulong.MaxValue;

    /// <summary>Makes a run of entries of the journal.</summary>
    /// <param name="entries">The entries, 1 to <see cref="MaxCount"/>, in order.</param>
    internal static AwayRun Of(ReadOnlySpan<AwayEntry> entries)
    {
        AwayRun run = new(entries.ToArray(), null) { End = entries.Length, Count = entries.Length };
        foreach (ref readonly AwayEntry entry in entries)
        {
            run.Note(entry);
        }

        return run;
    }

    /// <summary>Makes a run of what is not settled in a range of a block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="start">The index of the first message.</param>
    /// <param name="end">The index after the last.</param>
    /// <param name="bodyBytes">Bytes of the bodies of those that are not settled; an estimate is put right as they are read.</param>
    internal static AwayRun Of(StoredBlock block, int start, int end, long bodyBytes)
        => new([], block) { Start = start, End = end, Count = CountLive(block, start, end), BodyBytes = bodyBytes };

    /// <summary>Makes an empty run that a message of the same kind is put into next.</summary>
    /// <param name="block">The message's block, or <see langword="null"/>.</param>
    /// <param name="index">Its index in the block.</param>
    /// <param name="growsBackwards">Whether messages come at its start.</param>
    internal static AwayRun For(StoredBlock? block, int index, bool growsBackwards)
    {
        AwayRun run = new(block is null ? new AwayEntry[growsBackwards ? BackwardsArray : SmallArray] : [], block);
        run.Start = run.End = block is not null ? index + (growsBackwards ? 1 : 0) : growsBackwards ? run._entries.Length : 0;
        return run;
    }

    /// <summary>Whether a message can come at the end.</summary>
    /// <param name="block">Its block, or <see langword="null"/>.</param>
    /// <param name="index">Its index there.</param>
    internal bool CanAppend(StoredBlock? block, int index)
        => ReferenceEquals(block, Block) && (block is null ? End < MaxCount && BodyBytes < MaxBodyBytes : index >= End);

    /// <summary>Whether a message can go back to the start.</summary>
    /// <param name="block">Its block, or <see langword="null"/>.</param>
    /// <param name="index">Its index there.</param>
    internal bool CanPrepend(StoredBlock? block, int index)
        => ReferenceEquals(block, Block) && (block is null ? Start > 0 && BodyBytes < MaxBodyBytes : index < Start);

    /// <summary>Puts an entry of the journal at the end.</summary>
    /// <param name="entry">The entry.</param>
    internal void Append(in AwayEntry entry)
    {
        if (End == _entries.Length)
        {
            // The old array stays as it is for whoever reads it without the gate.
            Array.Resize(ref _entries, Math.Min(Math.Max(_entries.Length * 2, SmallArray), MaxCount));
        }

        _entries[End++] = entry;
        Count++;
        Note(entry);
    }

    /// <summary>Puts an entry of the journal back to the start.</summary>
    /// <param name="entry">The entry.</param>
    internal void Prepend(in AwayEntry entry)
    {
        _entries[--Start] = entry;
        Count++;
        Note(entry);
    }

    /// <summary>Takes a message of the block in at the end.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="bodyBytes">Bytes of its body.</param>
    internal void AppendOfBlock(int index, int bodyBytes)
    {
        End = index + 1;
        Count++;
        BodyBytes += bodyBytes;
    }

    /// <summary>Takes a message of the block back at the start.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="bodyBytes">Bytes of its body.</param>
    internal void PrependOfBlock(int index, int bodyBytes)
    {
        Start = index;
        Count++;
        BodyBytes += bodyBytes;
    }

    /// <summary>Removes messages at the start, because they are in memory again.</summary>
    /// <param name="start">The index of the first that stays.</param>
    /// <param name="count">How many go.</param>
    /// <param name="bodyBytes">Bytes of their bodies.</param>
    internal void Advance(int start, int count, long bodyBytes)
    {
        Start = start;
        Count -= count;
        BodyBytes -= bodyBytes;
        FirstSequence += (ulong)count;
    }

    /// <summary>Finds where the next page ends: so many messages from the start, at least one.</summary>
    /// <param name="messages">Most messages.</param>
    /// <param name="bytes">Most bytes of bodies, unless one message alone has more.</param>
    internal int FindPageEnd(int messages, long bytes)
    {
        int most = Math.Min(End, Start + messages);
        if (Block is { } block)
        {
            long mean = Math.Max(BodyBytes / Math.Max(1, Count), Math.Max(1, block.LengthBytes / block.Count)); // headers too
            return (int)Math.Clamp(Start + (bytes / mean), Start + 1, most);
        }

        int end = Start + 1;
        long sum = _entries[Start].BodyBytes;
        while (end < most && (sum += _entries[end].BodyBytes) <= bytes)
        {
            end++;
        }

        return end;
    }

    /// <summary>Counts the messages in a range that a block does not call settled.</summary>
    /// <param name="block">The block.</param>
    /// <param name="start">The index of the first.</param>
    /// <param name="end">The index after the last.</param>
    internal static int CountLive(StoredBlock block, int start, int end)
    {
        int live = 0;
        for (int i = start; i < end; i++)
        {
            live += block.IsSettled(i) ? 0 : 1;
        }

        return live;
    }

    private void Note(in AwayEntry entry)
    {
        BodyBytes += entry.BodyBytes;
        LowestStoredAt = Math.Min(LowestStoredAt, entry.StoredAt);
    }
}
