namespace EmbeddedMq.LoadTests.Peers;

/// <summary>What a run has opened; closed in reverse order.</summary>
internal sealed class Disposables : IAsyncDisposable
{
    private readonly Stack<IAsyncDisposable> _all = new();

    internal T Add<T>(T disposable)
        where T : IAsyncDisposable
    {
        _all.Push(disposable);
        return disposable;
    }

    public async ValueTask DisposeAsync()
    {
        while (_all.TryPop(out IAsyncDisposable? disposable))
        {
            await disposable.DisposeAsync();
        }
    }
}
