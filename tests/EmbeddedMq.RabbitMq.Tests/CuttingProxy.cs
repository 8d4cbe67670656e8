using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Stands between client and server, and can cut the client off without the server's hearing of it, as a network does that loses packets.</summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly int _serverPort;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<TcpClient> _clients = [];
    private readonly ConcurrentBag<TcpClient> _servers = [];
    private readonly Task _accepting;

    /// <summary>Begins to listen.</summary>
    /// <param name="serverPort">The server's port.</param>
    internal CuttingProxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>The port for clients.</summary>
    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (TcpClient client in _clients.Concat(_servers))
        {
            client.Dispose();
        }
    }

    /// <summary>Cuts off every client that is connected now.</summary>
    internal void CutClients()
    {
        while (_clients.TryTake(out TcpClient? client))
        {
            client.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                TcpClient client = await _listener.AcceptTcpClientAsync();
                TcpClient server = new();
                _clients.Add(client);
                _servers.Add(server);
                await server.ConnectAsync(IPAddress.Loopback, _serverPort);
                _ = PumpAsync(client, server, closesTarget: false); // the server is not to hear of a cut
                _ = PumpAsync(server, client, closesTarget: true);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
        }
    }

    private static async Task PumpAsync(TcpClient source, TcpClient target, bool closesTarget)
    {
        try
        {
            await source.GetStream().CopyToAsync(target.GetStream());
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut.
        }

        if (closesTarget)
        {
            target.Dispose();
        }
    }
}
