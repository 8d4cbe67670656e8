namespace EmbeddedMq;

/// <summary>A connection to one virtual host. It owns its channels and its exclusive queues.</summary>
/// <remarks>Thread-safe. Closing it closes its channels, puts their unacknowledged messages back and deletes its exclusive queues
/// before the close completes. Source: AMQP 0-9-1 §1.4.</remarks>
public interface IConnection : IAsyncDisposable
{
    /// <summary>The connection's name; unique within the broker only if the application makes it so.</summary>
    string Name { get; }

    /// <summary>The virtual host it was opened to.</summary>
    string VirtualHost { get; }

    /// <summary>The user it acts for.</summary>
    string UserName { get; }

    /// <summary>Whether channels can be opened.</summary>
    bool IsOpen { get; }

    /// <summary>Why it closed, or <see langword="null"/> while it is open.</summary>
    CloseReason? CloseReason { get; }

    /// <summary>Completes with the reason when the connection has closed, from either side. Never faults.</summary>
    Task<CloseReason> Closed { get; }

    /// <summary>Why the broker makes this connection's publishers wait (for example <c>low on memory</c>), or <see langword="null"/> while it does not.</summary>
    string? BlockedReason { get; }

    /// <summary>Raised when <see cref="BlockedReason"/> changes: a text when publishers begin to wait, <see langword="null"/> when they go on.
    /// Raised on a thread of the pool, in order, outside all of the broker's locks.</summary>
    /// <remarks>Source: RabbitMQ connection.blocked and connection.unblocked.</remarks>
    event EventHandler<ConnectionBlockedEventArgs>? BlockedChanged;

    /// <summary>The channels that are open now, by number.</summary>
    IReadOnlyCollection<IChannel> Channels { get; }

    /// <summary>Opens a channel under the lowest free number.</summary>
    /// <param name="options">How the channel publishes; <see langword="null"/> means with publisher confirms.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ConnectionException">The connection is closed, or has as many channels as it may have (530, closes the connection).</exception>
    ValueTask<IChannel> OpenChannelAsync(ChannelOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Closes the connection and everything it owns. A second call does nothing.</summary>
    /// <param name="replyCode">The reason to give. Default 200.</param>
    /// <param name="replyText">The reason as a text.</param>
    /// <param name="cancellationToken">Stops the waiting; the close goes on.</param>
    ValueTask CloseAsync(ReplyCode replyCode = ReplyCode.Success, string replyText = "Goodbye", CancellationToken cancellationToken = default);
}
