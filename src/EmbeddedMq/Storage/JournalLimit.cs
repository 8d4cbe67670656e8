namespace EmbeddedMq.Storage;

/// <summary>The address of the journal behind which publishers wait until its beginning has been released: that bounds its length.</summary>
/// <remarks>Thread-safe. Asked by every publish; set by the one who keeps the journal short.</remarks>
internal sealed class JournalLimit
{
    private long _address = long.MaxValue;
    private int _isExceeded;
    private volatile TaskCompletionSource _exceeded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether publishers wait, because somebody wanted to publish behind the limit and it has not been raised since.</summary>
    internal bool IsExceeded => Volatile.Read(ref _isExceeded) != 0;

    /// <summary>Completes when publishers begin to wait; until the limit is raised next.</summary>
    internal Task Exceeded => _exceeded.Task;

    /// <summary>Called when publishers begin to wait, and when they go on. Set once, before anybody publishes. May be called under any gate.</summary>
    internal Action<bool> Changed { get; set; } = static _ => { };

    /// <summary>Whether a publisher has to wait.</summary>
    /// <param name="tailAddress">Where the journal ends.</param>
    internal bool IsExceededBy(long tailAddress)
    {
        if (tailAddress <= Volatile.Read(ref _address))
        {
            return false;
        }

        if (Interlocked.Exchange(ref _isExceeded, 1) == 0)
        {
            Changed(true);
            _exceeded.TrySetResult();
        }

        return true;
    }

    /// <summary>Raises it, because the beginning of the journal is released.</summary>
    /// <param name="address">The address behind which publishers wait from now on.</param>
    internal void Raise(long address)
    {
        Volatile.Write(ref _address, address);
        if (Volatile.Read(ref _isExceeded) != 0)
        {
            _exceeded = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _isExceeded, 0); // whoever finds it exceeded again says so again
            Changed(false);
        }
    }
}
