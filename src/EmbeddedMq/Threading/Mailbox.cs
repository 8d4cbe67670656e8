using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;

namespace EmbeddedMq.Threading;

/// <summary>A queue to one reader who waits for it.</summary>
/// <remarks>
/// <para>One posts at a time, one takes at a time, each under a gate of its own, and one waits at a time; all else is thread-safe. A post does not wake the reader: that is
/// <see cref="Wake"/>, after the gate has been left, because it costs more than all the rest. It never runs the reader's code: its
/// continuation goes to the thread pool. The mailbox has no bound of its own; whoever posts holds one (a consumer's credit).</para>
/// <para>Reader and writer meet at the gate: the reader says that it waits, passes the gate of those who post, and then looks for items once more; a writer
/// adds its item under the gate and then looks whether the reader waits. So the fence is the reader's, who seldom waits. Whoever changes the mark back
/// ends the waiting.</para>
/// </remarks>
/// <typeparam name="T">What is posted.</typeparam>
internal sealed class Mailbox<T> : IValueTaskSource<bool>, IPostGate
{
    private const int Looks = 2; // pauses in which nothing comes, before it waits

    private readonly HandOverList<T> _items = new();
    private readonly IPostGate _gate;
    private ManualResetValueTaskSourceCore<bool> _wait = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;
    private ReaderPace _pace;
    private int _isWaiting;
    private ShortLock _postGate; // of those who post from any thread
    private volatile bool _isComplete;

    /// <summary>Makes an empty mailbox.</summary>
    /// <param name="gate">What those hold who use <see cref="TryPost"/>; <see langword="null"/> where all use <see cref="TryPostAndWake"/>.</param>
    internal Mailbox(IPostGate? gate = null) => _gate = gate ?? this;

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

        Wake();
        return true;
    }

    /// <summary>Wakes the reader if it waits. After a post, under its gate or after that.</summary>
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
    internal bool TryRead([MaybeNullWhen(false)] out T item) => _items.TryTakeSeen(out item) || (_pace.TryLook() && _items.TryTake(out item));

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
        _pace.EndWait(_items.Count);
        return _wait.GetResult(token);
    }

    /// <inheritdoc/>
    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _wait.GetStatus(token);

    /// <inheritdoc/>
    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _wait.OnCompleted(continuation, state, token, flags);

    /// <inheritdoc/>
    bool IPostGate.TryPass() => _postGate.TryPass();

    private bool HasItemsSoon()
    {
        _pace.BeginWait();
        for (int look = 0; _pace.Pauses && look < Looks; look++)
        {
            int before = _items.Count;
            if (before >= ReaderPace.LongBatch)
            {
                return true;
            }

            _pace.Pause();
            int after = _items.Count;
            if (after > 0)
            {
                _pace.EndPause(before, after);
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
        SpinWait spin = default;
        while (!_gate.TryPass() && !HasItems) // the mark before the second look; see the remarks. Who is kept from passing by posts sees them
        {
            spin.SpinOnce(ShortLock.LooksBeforeSleep);
        }

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
