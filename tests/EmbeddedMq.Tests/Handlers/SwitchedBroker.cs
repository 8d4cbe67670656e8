namespace EmbeddedMq.Tests.Handlers;

/// <summary>A broker that a test can make unreachable for new connections.</summary>
internal sealed class SwitchedBroker(IBroker inner) : IBroker
{
    public bool IsDown { get; set; }

    public string Name => inner.Name;

    public IBrokerManagement Management => inner.Management;

    public ValueTask<IConnection> ConnectAsync(ConnectionOptions? options = null, CancellationToken cancellationToken = default)
        => IsDown
            ? throw new ConnectionException(ReplyCode.ConnectionForced, "CONNECTION_FORCED - down", isTransient: true)
            : inner.ConnectAsync(options, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
