using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Stands between client and server, and can cut the client off without the server's hearing of it, as a network does that loses packets.</summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly int _serverPort;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Channel<Pair> _connected = System.Threading.Channels.Channel.CreateUnbounded<Pair>();
    private readonly ConcurrentBag<Pair> _all = [];
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
        foreach (Pair pair in _all)
        {
            pair.Client.Dispose();
            pair.Server.Dispose();
        }
    }

    /// <summary>Waits for the next client that connects, in the order in which they do.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    internal ValueTask<Pair> NextAsync(CancellationToken cancellationToken) => _connected.Reader.ReadAsync(cancellationToken);

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                Pair pair = new(await _listener.AcceptTcpClientAsync(), new TcpClient());
                _all.Add(pair);
                await pair.Server.ConnectAsync(IPAddress.Loopback, _serverPort);
                _ = PumpAsync(pair.Client, pair.Server, closesTarget: false); // the server is not to hear of a cut, which may look like an end here
                _ = PumpAsync(pair.Server, pair.Client, closesTarget: true);
                await _connected.Writer.WriteAsync(pair);
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

    /// <summary>One connection through the proxy.</summary>
    /// <param name="Client">The side of the client: disposed of, the client is cut off and the server does not know.</param>
    /// <param name="Server">The side of the server: disposed of, the server knows.</param>
    internal sealed record Pair(TcpClient Client, TcpClient Server);
}
