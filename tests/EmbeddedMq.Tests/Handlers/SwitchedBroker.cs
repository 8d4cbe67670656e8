namespace EmbeddedMq.Tests.Handlers;

/// <summary>A broker that a test can make unreachable for new connections, or silent.</summary>
internal sealed class SwitchedBroker(IBroker inner) : IBroker
{
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool IsDown { get; set; }

    /// <summary>Whether it answers nobody, as a machine that has gone from the network.</summary>
    public bool IsSilent { get; set; }

    public bool IsDisposed { get; private set; }

    /// <summary>Completes when somebody has asked while it was silent.</summary>
    public Task AskedInVain => _asked.Task;

    public string Name => inner.Name;

    public IBrokerManagement Management => inner.Management;

    public ValueTask<IConnection> ConnectAsync(ConnectionOptions? options = null, CancellationToken cancellationToken = default)
        => IsDown
            ? throw new ConnectionException(ReplyCode.ConnectionForced, "CONNECTION_FORCED - down", isTransient: true)
            : IsSilent ? KeepWaitingAsync(cancellationToken)
            : inner.ConnectAsync(options, cancellationToken);

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    private async ValueTask<IConnection> KeepWaitingAsync(CancellationToken cancellationToken)
    {
        _asked.TrySetResult();
        return await new TaskCompletionSource<IConnection>().Task.WaitAsync(cancellationToken);
    }
}
