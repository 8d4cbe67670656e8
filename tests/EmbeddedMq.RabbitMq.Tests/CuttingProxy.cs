using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Stands between client and server, and can cut the client off without the server's hearing of it, as a network does that loses packets. It
/// can also hold up what the server says, from a frame on that the test names.</summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly int _serverPort;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Channel<Pair> _connected = System.Threading.Channels.Channel.CreateUnbounded<Pair>();
    private readonly ConcurrentBag<Pair> _all = [];
    private readonly Task _accepting;
    private volatile HeldFrame? _toHold;

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

    /// <summary>Lets nobody connect any more.</summary>
    internal void Refuse() => _listener.Stop();

    /// <summary>Waits for the next client that connects, in the order in which they do.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    internal ValueTask<Pair> NextAsync(CancellationToken cancellationToken) => _connected.Reader.ReadAsync(cancellationToken);

    /// <summary>Holds up the server's next frame with a method, and with it everything that the server says after it on that connection.</summary>
    /// <param name="classId">The method's class.</param>
    /// <param name="methodId">The method.</param>
    internal HeldFrame HoldNext(ushort classId, ushort methodId) => _toHold = new HeldFrame(classId, methodId);

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                Pair pair = new(await _listener.AcceptTcpClientAsync(), new TcpClient());
                _all.Add(pair);
                await pair.Server.ConnectAsync(IPAddress.Loopback, _serverPort);
                _ = PumpToServerAsync(pair); // the server is not to hear of a cut, which may look like an end here
                _ = PumpToClientAsync(pair.Server, pair.Client);
                await _connected.Writer.WriteAsync(pair);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
        }
    }

    private static async Task PumpToServerAsync(Pair pair)
    {
        try
        {
            NetworkStream source = pair.Client.GetStream();
            NetworkStream target = pair.Server.GetStream();
            byte[] some = new byte[64 * 1024];
            while (await source.ReadAsync(some) is > 0 and int length && !pair.IsDeaf)
            {
                await target.WriteAsync(some.AsMemory(0, length));
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut.
        }
    }

    // A frame: type, channel, size of the payload, payload, end mark; a method's payload begins with class and method.
    private async Task PumpToClientAsync(TcpClient server, TcpClient client)
    {
        const int HeadLength = 7;
        try
        {
            NetworkStream source = server.GetStream();
            NetworkStream target = client.GetStream();
            byte[] head = new byte[HeadLength];
            while (await source.ReadAtLeastAsync(head, HeadLength, throwOnEndOfStream: false) == HeadLength)
            {
                byte[] rest = new byte[BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(3)) + 1];
                await source.ReadExactlyAsync(rest);
                if (head[0] == 1 && _toHold is { } held && held.Is(rest))
                {
                    _toHold = null;
                    await held.HoldAsync();
                }

                await target.WriteAsync(head);
                await target.WriteAsync(rest);
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut.
        }

        client.Dispose();
    }

    /// <summary>A frame that is held up.</summary>
    /// <param name="classId">The class of its method.</param>
    /// <param name="methodId">Its method.</param>
    internal sealed class HeldFrame(ushort classId, ushort methodId)
    {
        private readonly TaskCompletionSource _came = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Completes when the server has sent it.</summary>
        internal Task Came => _came.Task;

        /// <summary>Lets it go.</summary>
        internal void Release() => _released.TrySetResult();

        /// <summary>Whether a payload is this frame's.</summary>
        /// <param name="payload">The payload.</param>
        internal bool Is(ReadOnlySpan<byte> payload)
            => BinaryPrimitives.ReadUInt16BigEndian(payload) == classId && BinaryPrimitives.ReadUInt16BigEndian(payload[2..]) == methodId;

        /// <summary>Waits until it may go.</summary>
        internal Task HoldAsync()
        {
            _came.TrySetResult();
            return _released.Task;
        }
    }

    /// <summary>One connection through the proxy.</summary>
    /// <param name="Client">The side of the client: disposed of, the client is cut off and the server does not know.</param>
    /// <param name="Server">The side of the server: disposed of, the server knows.</param>
    internal sealed record Pair(TcpClient Client, TcpClient Server)
    {
        private volatile bool _isDeaf;

        /// <summary>Whether the server reads no more.</summary>
        internal bool IsDeaf => _isDeaf;

        /// <summary>Lets the client's bytes pile up, as a server does that ceases to read.</summary>
        internal void StopReading() => _isDeaf = true;
    }
}
