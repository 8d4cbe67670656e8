using EmbeddedMq.Queues;

namespace EmbeddedMq.Crash.Tests;

/// <summary>Keeps the gate of a queue, so that whoever hands it a message waits.</summary>
internal sealed class HeldQueue : IDisposable
{
    private readonly ManualResetEventSlim _isOver = new();
    private readonly Task _holding;

    public HeldQueue(Queue queue)
    {
        using ManualResetEventSlim isHeld = new();
        _holding = Task.Factory.StartNew(
            () => queue.BeginDelete(_ =>
            {
                isHeld.Set();
                _isOver.Wait();
                return new InvalidOperationException("No.");
            }),
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        isHeld.Wait(TestContext.Current.CancellationToken);
    }

    public Task LetGoAsync()
    {
        _isOver.Set();
        return _holding;
    }

    public void Dispose()
    {
        _isOver.Set();
        _holding.Wait(CancellationToken.None);
        _isOver.Dispose();
    }
}
