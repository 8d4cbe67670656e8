namespace EmbeddedMq.LoadTests.Peers;

/// <summary>Takes batches out of a store that does not push, until it is stopped.</summary>
internal sealed class PollingConsumer : IAsyncDisposable
{
    private readonly Task _loop;
    private volatile bool _isStopping;

    /// <summary>Begins.</summary>
    /// <param name="take">Takes a batch, and returns how many messages that were.</param>
    /// <param name="received">Where it counts.</param>
    internal PollingConsumer(Func<Task<int>> take, Received received) => _loop = Task.Run(async () =>
    {
        while (!_isStopping)
        {
            int taken = await take();
            received.Signal(taken);
            if (taken == 0)
            {
                await Task.Yield(); // there is nothing: a real one would poll less often, and wait longer
            }
        }
    });

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        await _loop;
    }
}
