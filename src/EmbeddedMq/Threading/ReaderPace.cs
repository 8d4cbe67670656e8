using System.Runtime.InteropServices;

namespace EmbeddedMq.Threading;

/// <summary>When the reader of a <see cref="Mailbox{T}"/> looks for more.</summary>
/// <remarks>
/// <para>A reader to whom several items come while it waits or pauses takes them in batches: when it has taken all that it saw, it pauses before it looks
/// again, the longer the shorter the batches are. Being woken costs more, to it and to whoever posts; and a reader that takes each item as it is
/// posted takes the cache lines from the writer with each item, which costs the writer more than all of its own work. Where items come one by one,
/// as answers to requests do, nothing is gained by it, and it looks at once.</para>
/// <para>The reader's alone, and on cache lines of its own.</para>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct ReaderPace
{
    /// <summary>So many items that more at a time bring nothing.</summary>
    internal const int LongBatch = 32;

    // In turns of Thread.SpinWait, of some 40 ns.
    private const int ShortestPause = 16;
    private const int LongestPause = 256;

    [FieldOffset(128)]
    private int _pause; // 0: it looks at once

    [FieldOffset(132)]
    private bool _mayLook; // it has paused, or was woken, and has not looked since

    /// <summary>Whether it takes batches.</summary>
    internal readonly bool Pauses => _pause > 0;

    /// <summary>Whether it may look for more now that it has taken what it saw; else it is to wait first.</summary>
    internal bool TryLook()
    {
        bool may = _mayLook || !Pauses;
        _mayLook = false;
        return may;
    }

    /// <summary>Notes that it begins to wait.</summary>
    internal void BeginWait() => _mayLook = true;

    /// <summary>Notes that it was woken.</summary>
    /// <param name="count">How many items there are.</param>
    internal void EndWait(int count)
    {
        _mayLook = true;
        _pause = count > 1 && Environment.ProcessorCount > 1 ? ShortestPause : 0;
    }

    /// <summary>Pauses.</summary>
    internal readonly void Pause() => Thread.SpinWait(_pause);

    /// <summary>Notes what came during a pause.</summary>
    /// <param name="before">How many items there were before it.</param>
    /// <param name="after">How many there are now.</param>
    internal void EndPause(int before, int after)
        => _pause = after - before <= 1 ? 0 : after >= LongBatch ? _pause : Math.Min(2 * _pause, LongestPause);
}
