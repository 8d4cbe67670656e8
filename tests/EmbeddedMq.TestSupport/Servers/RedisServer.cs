using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>A Redis of a test's own, on loopback, with a folder of its own. It syncs each write, so that it may be killed.</summary>
/// <remarks>Time here is real: the server has no other.</remarks>
public sealed class RedisServer : IAsyncDisposable
{
    private const string Program = "/usr/bin/redis-server";

    // A connection that was taken and is not answered says nothing: it is tried again.
    private static readonly TimeSpan ProbePatience = TimeSpan.FromSeconds(30);

    private readonly string _home = Directory.CreateTempSubdirectory("embeddedmq-redis-").FullName;
    private readonly string[] _settings;
    private Process? _server;

    private RedisServer(string[] settings) => _settings = settings;

    /// <summary>Why no server can be started here, or <see langword="null"/> when one can: a reason to skip a test.</summary>
    public static string? Absence { get; } = File.Exists(Program) ? null : "There is no redis-server on this machine. Install it with: apt-get install -y redis-server";

    /// <summary>The address for clients.</summary>
    public string Configuration => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>The address for clients that wait as long as a busy machine may need; not for those that are to notice that the server was killed.</summary>
    public string PatientConfiguration => Configuration + ",connectTimeout=120000,syncTimeout=120000,asyncTimeout=120000";

    /// <summary>The server's process.</summary>
    public int ProcessId => _server!.Id;

    private int Port { get; } = Ports.Take();

    /// <summary>Skips the test where no server can be started. With <c>EMBEDDEDMQ_REQUIRE_REDIS=1</c> it fails instead: for machines that must not leave it out.</summary>
    public static void Require()
    {
        if (Absence is { } absence)
        {
            Assert.False(Environment.GetEnvironmentVariable("EMBEDDEDMQ_REQUIRE_REDIS") == "1", absence);
            Assert.Skip(absence);
        }
    }

    /// <summary>Starts a server and waits until it answers.</summary>
    /// <param name="settings">Settings beside the usual ones, as on its command line.</param>
    public static async Task<RedisServer> StartAsync(params string[] settings)
    {
        RedisServer server = new(settings);
        try
        {
            await server.RestartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the server as a power cut would. Its data stay.</summary>
    public async Task KillAsync()
    {
        if (_server is { HasExited: false } server)
        {
            server.Kill();
            await server.WaitForExitAsync();
        }
    }

    /// <summary>Starts the server again, with the data that it had.</summary>
    public async Task RestartAsync()
    {
        _server?.Dispose();
        string[] arguments =
        [
            "--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--dir", _home, "--daemonize", "no",
            "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--logfile", Path.Combine(_home, "log"), .. _settings,
        ];
        _server = Programs.StartServer(new ProcessStartInfo(Program, arguments) { WorkingDirectory = _home });
        await UntilItAnswersAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _server?.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    private async Task UntilItAnswersAsync()
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (!await AnswersAsync())
        {
            if (_server!.HasExited || waited.Elapsed > Programs.Patience)
            {
                string log = Path.Combine(_home, "log");
                throw new InvalidOperationException(
                    $"redis-server did not start within {waited.Elapsed.TotalSeconds:F0} s. It said: {(File.Exists(log) ? await File.ReadAllTextAsync(log) : "nothing")}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    // While it loads its data it answers with an error: only a pong counts.
    private async Task<bool> AnswersAsync()
    {
        using CancellationTokenSource patience = new(ProbePatience);
        try
        {
            using TcpClient client = new();
            await client.ConnectAsync(IPAddress.Loopback, Port, patience.Token);
            await client.GetStream().WriteAsync("PING\r\n"u8.ToArray(), patience.Token);
            byte[] answer = new byte[5];
            await client.GetStream().ReadExactlyAsync(answer, patience.Token);
            return answer.AsSpan().SequenceEqual("+PONG"u8);
        }
        catch (Exception error) when (error is SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }
}
