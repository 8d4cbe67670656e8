namespace EmbeddedMq.Handlers.Outbox;

/// <summary>Counts what the relay has in hand, and lets it wait for room. Thread-safe; one waiter.</summary>
/// <param name="size">How many messages may be in hand.</param>
internal sealed class RelayWindow(int size)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiter; // guarded by _gate
    private int _wanted;                   // how much room it waits for; guarded by _gate
    private int _held;                     // guarded by _gate

    // A store call for each message that ends would be most of the work: a quarter of the window must be free first.
    private readonly int _leastRoom = Math.Max(1, size / 4);

    /// <summary>How many messages are in hand.</summary>
    public int Held
    {
        get
        {
            lock (_gate)
            {
                return _held;
            }
        }
    }

    /// <summary>Waits until a good part of the window is free.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>How many messages fit in.</returns>
    public ValueTask<int> WaitForRoomAsync(CancellationToken cancellationToken) => WaitAsync(_leastRoom, cancellationToken);

    /// <summary>Waits until nothing is in hand.</summary>
    public async ValueTask WaitUntilEmptyAsync() => await WaitAsync(size, CancellationToken.None).ConfigureAwait(false);

    /// <summary>Takes messages in hand.</summary>
    /// <param name="messages">How many.</param>
    public void Take(int messages)
    {
        lock (_gate)
        {
            _held += messages;
        }
    }

    /// <summary>Lets messages go.</summary>
    /// <param name="messages">How many.</param>
    public void Release(int messages)
    {
        TaskCompletionSource? waiter = null;
        lock (_gate)
        {
            _held -= messages;
            if (size - _held >= _wanted)
            {
                (waiter, _waiter) = (_waiter, null);
            }
        }

        waiter?.SetResult();
    }

    private async ValueTask<int> WaitAsync(int least, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task released;
            lock (_gate)
            {
                if (size - _held >= least)
                {
                    return size - _held;
                }

                _wanted = least;
                _waiter ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                released = _waiter.Task;
            }

            await released.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
