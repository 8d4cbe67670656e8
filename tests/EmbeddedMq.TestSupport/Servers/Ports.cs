using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>Ports on loopback for the servers of tests, each given to one server only for as long as this process lives.</summary>
/// <remarks>A port that the system names as free may be another's before the server takes it, or while a killed server is away: the system gives such ports
/// to every client that connects. These lie below the range of clients, and a locked file for each keeps other test processes away.</remarks>
internal static class Ports
{
    private const int First = 20_000;
    private const int Count = 12_000; // up to 32,000; Linux gives clients ports from 32,768 on

    private static readonly string Folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"embeddedmq-ports-{Environment.UserName}")).FullName;
    private static readonly List<FileStream> Locks = [];
    private static readonly Lock Gate = new();

    // Processes begin at different places, so that they seldom try each other's.
    private static int _next = Environment.ProcessId * 37 % Count;

    /// <summary>Gives a port that nobody listens on and nobody else is given.</summary>
    internal static int Take()
    {
        lock (Gate)
        {
            for (int tried = 0; tried < Count; tried++)
            {
                int port = First + _next;
                _next = (_next + 1) % Count;
                if (TryLock(port))
                {
                    return port;
                }
            }
        }

        throw new InvalidOperationException($"All ports from {First} to {First + Count - 1} are in use.");
    }

    private static bool TryLock(int port)
    {
        FileStream? held = null;
        try
        {
            held = new FileStream(Path.Combine(Folder, port.ToString(CultureInfo.InvariantCulture)), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            using TcpListener listener = new(IPAddress.Loopback, port);
            listener.Start();
            Locks.Add(held);
            return true;
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            held?.Dispose();
            return false;
        }
    }
}
