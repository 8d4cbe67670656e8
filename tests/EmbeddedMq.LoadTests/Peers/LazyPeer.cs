namespace EmbeddedMq.LoadTests.Peers;

/// <summary>A peer that starts when it is first measured, which is when all of them warm up, and ends with its scenarios.</summary>
/// <typeparam name="T">The peer.</typeparam>
/// <param name="start">Starts it.</param>
internal sealed class LazyPeer<T>(Func<Task<T>> start) : IAsyncDisposable
    where T : class, IAsyncDisposable
{
    private T? _peer;

    internal async ValueTask<T> GetAsync() => _peer ??= await start();

    public ValueTask DisposeAsync() => _peer?.DisposeAsync() ?? ValueTask.CompletedTask;
}
