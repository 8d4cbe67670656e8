namespace EmbeddedMq.Errors;

/// <content>Errors of connections and virtual hosts.</content>
internal static partial class MqErrors
{
    /// <summary>530: there is no such virtual host.</summary>
    /// <param name="virtualHost">Its name.</param>
    internal static ConnectionException VirtualHostNotFound(string virtualHost) => Connection(
        ReplyCode.NotAllowed,
        $"vhost {virtualHost} not found",
        "Create it first with IBroker.Management.CreateVirtualHostAsync, or correct ConnectionOptions.VirtualHost.",
        virtualHost);

    /// <summary>404: an operator's call names a virtual host that does not exist.</summary>
    /// <param name="virtualHost">Its name.</param>
    internal static EmbeddedMqException NoVirtualHost(string virtualHost) => Management(
        ReplyCode.NotFound,
        $"no vhost '{virtualHost}'",
        "Create it first with CreateVirtualHostAsync, or correct the name.",
        virtualHost);

    /// <summary>406: a name that no virtual host can have.</summary>
    /// <param name="bytes">Its length in bytes of UTF-8.</param>
    /// <param name="maxBytes">The bound.</param>
    internal static EmbeddedMqException InvalidVirtualHostName(int bytes, int maxBytes) => Management(
        ReplyCode.PreconditionFailed,
        $"vhost name of {bytes} bytes",
        $"A name has 1 to {maxBytes} bytes of UTF-8.");

    /// <summary>A call on a connection that has closed.</summary>
    /// <param name="connection">Its name.</param>
    /// <param name="reason">Why it closed.</param>
    internal static ConnectionException ConnectionClosed(string connection, CloseReason reason) => new(
        reason.ReplyCode,
        reason.ReplyText,
        $"Connection '{connection}' was closed for this reason ({reason.Initiator}); connect again.",
        connection);

    /// <summary>320: the broker is stopping or has stopped.</summary>
    /// <param name="broker">Its name.</param>
    internal static ConnectionException BrokerStopped(string broker) => Connection(
        ReplyCode.ConnectionForced,
        "broker forced connection closure with reason 'shutdown'",
        $"Broker '{broker}' is stopping or has stopped; start another one.",
        broker);

    /// <summary>530: the broker has as many connections as it may have.</summary>
    /// <param name="virtualHost">The virtual host asked for.</param>
    /// <param name="userName">The user that asks.</param>
    /// <param name="max">The bound.</param>
    internal static ConnectionException TooManyConnections(string virtualHost, string userName, int max) => Connection(
        ReplyCode.NotAllowed,
        $"access to vhost '{virtualHost}' refused for user '{userName}': connection limit ({max}) is reached",
        "Close connections that are not needed, or raise BrokerLimits.MaxConnections.",
        virtualHost,
        isTransient: true);

    /// <summary>530: the connection has as many channels as it may have.</summary>
    /// <param name="count">How many it has.</param>
    /// <param name="max">The bound.</param>
    internal static ConnectionException TooManyChannels(int count, int max) => Connection(
        ReplyCode.NotAllowed,
        $"number of channels opened ({count}) has reached the negotiated channel_max ({max})",
        "Close channels that are not needed, use several connections, or raise BrokerLimits.MaxChannelsPerConnection.");

    /// <summary>406: the virtual host has as many queues as it may have.</summary>
    /// <param name="virtualHost">The virtual host.</param>
    /// <param name="queue">The queue that was to be declared.</param>
    /// <param name="max">The bound.</param>
    internal static ChannelException TooManyQueues(string virtualHost, string queue, int max) => Channel(
        ReplyCode.PreconditionFailed,
        $"cannot declare queue '{queue}': queue limit in vhost '{virtualHost}' ({max}) is reached",
        "Delete queues that are not needed, or raise BrokerLimits.MaxQueuesPerVirtualHost.",
        queue);
}
