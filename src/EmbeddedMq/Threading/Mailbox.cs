using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;

namespace EmbeddedMq.Threading;

/// <summary>A queue to one reader who waits for it.</summary>
/// <remarks>
/// <para>One posts at a time, one takes at a time, each under a gate of its own, and one waits at a time; all else is thread-safe. A post does not wake the reader: that is
/// <see cref="Wake"/>, after the gate has been left, because it costs more than all the rest. It never runs the reader's code: its
/// continuation goes to the thread pool. The mailbox has no bound of its own; whoever posts holds one (a consumer's credit).</para>
/// <para>Reader and writer meet by a fence each: the reader says that it waits and then looks for items once more, a writer adds its item
/// and then looks whether the reader waits. Whoever changes the mark back ends the waiting.</para>
/// </remarks>
/// <typeparam name="T">What is posted.</typeparam>
internal sealed class Mailbox<T> : IValueTaskSource<bool>
{
    // A reader to whom several items come while it waits or pauses takes them in batches: when it has taken all that it saw, it pauses before it looks
    // again, the longer the shorter the batches are. Being woken costs more, to it and to whoever posts; and a reader that takes each item as it is
    // posted takes the cache lines from the writer with each item, which costs the writer more than all of its own work. Where items come one by one,
    // as answers to requests do, nothing is gained by it, and it looks at once. In turns of Thread.SpinWait, of some 40 ns.
    private const int Looks = 2;
    private const int ShortestPause = 16;
    private const int LongestPause = 256;
    private const int LongBatch = 32;

    private readonly HandOverList<T> _items = new();
    private ManualResetValueTaskSourceCore<bool> _wait = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;
    private int _pause;      // the reader's; 0: it looks and waits at once
    private bool _hasPaused; // the reader's: it may look once
    private int _isWaiting;
    private ShortLock _postGate; // of those who post from any thread
    private volatile bool _isComplete;

    /// <summary>Whether there are items that nobody has taken yet.</summary>
    internal bool HasItems => !_items.IsEmpty;

    /// <summary>Posts an item, under what keeps others from posting; <see langword="false"/> when the mailbox is complete. To be followed by
    /// <see cref="Wake"/>.</summary>
    /// <param name="item">The item.</param>
    /// <remarks>A completion beside the post may or may not come before it.</remarks>
    internal bool TryPost(T item)
    {
        if (_isComplete)
        {
            return false;
        }

        _items.Put(item);
        return true;
    }

    /// <summary>Posts an item from any thread and wakes the reader; <see langword="false"/> when the mailbox is complete. Where one posts this way, all do.</summary>
    /// <param name="item">The item.</param>
    internal bool TryPostAndWake(T item)
    {
        using (_postGate.Enter())
        {
            if (!TryPost(item))
            {
                return false;
            }
        }

        Interlocked.MemoryBarrier();
        Wake();
        return true;
    }

    /// <summary>Wakes the reader if it waits. After a post, with a full fence between the two.</summary>
    internal void Wake() => EndWaiting();

    /// <summary>Lets the reader finish once it has taken what is there. Further calls do nothing.</summary>
    internal void Complete()
    {
        _isComplete = true;
        Interlocked.MemoryBarrier();
        EndWaiting();
    }

    /// <summary>Takes an item if there is one, under what keeps others from taking.</summary>
    /// <param name="item">The item.</param>
    internal bool TryTake([MaybeNullWhen(false)] out T item) => _items.TryTake(out item);

    /// <summary>Takes an item for the reader, under what keeps others from taking. Where there is one nevertheless when this finds none,
    /// <see cref="WaitToTakeAsync"/> completes at once.</summary>
    /// <param name="item">The item.</param>
    internal bool TryRead([MaybeNullWhen(false)] out T item) => _items.TryTakeSeen(out item) || (MayLook() && _items.TryTake(out item));

    /// <summary>Waits until there may be an item to take (<see langword="true"/>), or never will be (<see langword="false"/>).</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal ValueTask<bool> WaitToTakeAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<bool>(cancellationToken);
        }

        bool isComplete = _isComplete; // before the look at the items: what was posted before the end is seen
        return HasItemsSoon() ? new ValueTask<bool>(true)
            : isComplete ? new ValueTask<bool>(false)
            : BeginWaiting(cancellationToken);
    }

    /// <inheritdoc/>
    bool IValueTaskSource<bool>.GetResult(short token)
    {
        _cancellation.Dispose();
        _hasPaused = true;
        _pause = _items.Count > 1 && Environment.ProcessorCount > 1 ? ShortestPause : 0;
        return _wait.GetResult(token);
    }

    /// <inheritdoc/>
    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _wait.GetStatus(token);

    /// <inheritdoc/>
    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _wait.OnCompleted(continuation, state, token, flags);

    private bool MayLook()
    {
        bool may = _pause == 0 || _hasPaused;
        _hasPaused = false;
        return may;
    }

    private bool HasItemsSoon()
    {
        _hasPaused = true;
        for (int look = 0; _pause > 0 && look < Looks; look++)
        {
            int before = _items.Count;
            if (before >= LongBatch)
            {
                return true;
            }

            Thread.SpinWait(_pause);
            int after = _items.Count;
            if (after > 0)
            {
                _pause = after - before <= 1 ? 0 : after >= LongBatch ? _pause : Math.Min(2 * _pause, LongestPause);
                return true;
            }
        }

        return HasItems;
    }

    private ValueTask<bool> BeginWaiting(CancellationToken cancellationToken)
    {
        _wait.Reset();
        ValueTask<bool> wait = new(this, _wait.Version);
        Volatile.Write(ref _isWaiting, 1);
        Interlocked.MemoryBarrier(); // the mark before the second look; see the remarks
        if (HasItems || _isComplete)
        {
            EndWaiting();
        }

        _cancellation = cancellationToken.UnsafeRegister(static (mailbox, token) => ((Mailbox<T>)mailbox!).CancelWaiting(token), this);
        return wait;
    }

    private void EndWaiting()
    {
        if (TryEndWaiting())
        {
            _wait.SetResult(true);
        }
    }

    private void CancelWaiting(CancellationToken cancellationToken)
    {
        if (TryEndWaiting())
        {
            _wait.SetException(new OperationCanceledException(cancellationToken));
        }
    }

    private bool TryEndWaiting() => Volatile.Read(ref _isWaiting) != 0 && Interlocked.Exchange(ref _isWaiting, 0) != 0;
}
