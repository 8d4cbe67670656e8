namespace EmbeddedMq.VirtualHosts;

/// <summary>Lets commits wait until the broker takes messages again. Publishes wait in the order of their channels; commits have none.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class RoomForCommits
{
    private TaskCompletionSource _released = NewSignal(); // replaced whole
    private volatile Func<Exception>? _closed;

    /// <summary>Waits as long as the broker takes nothing.</summary>
    /// <param name="isFull">Whether it takes nothing at present; asked again after each release.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ConnectionException">The broker has stopped.</exception>
    internal async ValueTask WaitAsync(Func<bool> isFull, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task released = Volatile.Read(ref _released).Task; // before it is asked, so that no release is missed
            if (!isFull())
            {
                return;
            }

            if (_closed is { } error)
            {
                throw error();
            }

            await released.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Lets those look again who wait.</summary>
    internal void Release() => Interlocked.Exchange(ref _released, NewSignal()).TrySetResult();

    /// <summary>Fails those who wait, now and later: the broker stops.</summary>
    /// <param name="error">Makes the error.</param>
    internal void Close(Func<Exception> error)
    {
        _closed = error;
        Release();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
