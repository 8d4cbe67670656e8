using System.Collections.Concurrent;
using EmbeddedMq.Errors;
using EmbeddedMq.VirtualHosts;

namespace EmbeddedMq.Connections;

/// <summary>The open connections of one broker.</summary>
/// <remarks>Thread-safe.</remarks>
/// <param name="brokerName">The broker's name.</param>
/// <param name="report">Takes what a handler of a connection's events threw.</param>
internal sealed class ConnectionRegistry(string brokerName, Action<Exception> report)
{
    private readonly ConcurrentDictionary<Connection, byte> _connections = new(ReferenceEqualityComparer.Instance as IEqualityComparer<Connection>);
    private readonly Lock _gate = new();
    private int _count; // interlocked; the table would count by taking all of its locks, as many as there are processors and far more as it grows
    private long _lastNumber;
    private bool _isClosed; // guarded by _gate

    /// <summary>The open connections.</summary>
    internal IEnumerable<Connection> All => _connections.Keys;

    /// <summary>How many there are.</summary>
    internal int Count => Volatile.Read(ref _count);

    /// <summary>Opens a connection.</summary>
    /// <param name="options">Its options.</param>
    /// <param name="virtualHost">The virtual host.</param>
    /// <exception cref="ConnectionException">320 the broker has stopped; 530 too many.</exception>
    internal Connection Open(ConnectionOptions options, VirtualHost virtualHost)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                throw MqErrors.BrokerStopped(brokerName);
            }

            if (Count >= virtualHost.Services.Limits.MaxConnections)
            {
                throw MqErrors.TooManyConnections(virtualHost.Name, options.UserName, virtualHost.Services.Limits.MaxConnections.Value);
            }

            string name = options.Name ?? $"{brokerName}-{++_lastNumber}";
            Connection connection = new(name, options, virtualHost, this, report);
            _connections.TryAdd(connection, 0);
            Interlocked.Increment(ref _count);
            return connection;
        }
    }

    /// <summary>Forgets a connection that has closed.</summary>
    /// <param name="connection">The connection.</param>
    internal void Forget(Connection connection)
    {
        if (_connections.TryRemove(connection, out _))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>Closes connections from the broker's side.</summary>
    /// <param name="which">Which ones.</param>
    /// <param name="text">The reply text behind <c>CONNECTION_FORCED - </c>.</param>
    /// <returns>How many.</returns>
    internal int Close(Func<Connection, bool> which, string text)
    {
        CloseReason reason = new(CloseInitiator.Broker, ReplyCode.ConnectionForced, MqErrors.ReplyText(ReplyCode.ConnectionForced, text));
        int count = 0;
        foreach (Connection connection in _connections.Keys.Where(which))
        {
            connection.Close(reason);
            count++;
        }

        return count;
    }

    /// <summary>Closes all connections and opens none any more.</summary>
    internal void Shutdown()
    {
        lock (_gate)
        {
            _isClosed = true;
        }

        Close(static _ => true, "broker forced connection closure with reason 'shutdown'");
    }

    /// <summary>Lets go on what has waited for memory. One call at a time.</summary>
    internal void Unblock()
    {
        foreach (Connection connection in _connections.Keys)
        {
            connection.Unblock();
        }
    }
}
