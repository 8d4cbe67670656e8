using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>A real rabbitmq-server for tests: on loopback, under a node name of its own, with free ports and a data folder that goes with it.</summary>
/// <remarks>
/// <para>It needs the Debian package; <see cref="Absence"/> says so where it is missing. Nothing that runs on the machine is touched: the node
/// registers with a port mapper of its own, and both are stopped by their process ids.</para>
/// <para>Time here is real: the server has no other.</para>
/// </remarks>
public sealed class RabbitServer : IAsyncDisposable
{
    private const string Script = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    private const string ControlScript = "/usr/lib/rabbitmq/bin/rabbitmqctl";

    // A connection that was taken and is not answered says nothing: it is tried again.
    private static readonly TimeSpan ProbePatience = TimeSpan.FromSeconds(30);

    private readonly string _home = Directory.CreateTempSubdirectory("embeddedmq-rabbit-").FullName;
    private readonly string _node;
    private readonly RabbitServer? _peer;
    private readonly bool _isForSpeed;
    private readonly int _portMapperPort;
    private readonly int _distributionPort = Ports.Take();
    private readonly StringBuilder _output = new();
    private Process? _portMapper;
    private Process? _server;

    private RabbitServer(RabbitServer? peer, bool isForSpeed)
    {
        _isForSpeed = isForSpeed;
        _node = $"mq{Port}@localhost";
        _peer = peer;
        _portMapperPort = peer?._portMapperPort ?? Ports.Take();
        Certificates = new ServerCertificates(_home);
    }

    /// <summary>Why no server can be started here, or <see langword="null"/> when one can: a reason to skip a test.</summary>
    public static string? Absence { get; } = File.Exists(Script) && FindPortMapper() is not null
        ? null
        : "There is no rabbitmq-server on this machine. Install it with: apt-get install -y rabbitmq-server";

    /// <summary>The port of AMQP.</summary>
    public int Port { get; } = Ports.Take();

    /// <summary>The port of AMQP over TLS. A client's certificate is checked, and not demanded.</summary>
    public int TlsPort { get; } = Ports.Take();

    /// <summary>The certificates of the TLS listener and of a client.</summary>
    public ServerCertificates Certificates { get; }

    /// <summary>The port of the HTTP API.</summary>
    public int ManagementPort { get; } = Ports.Take();

    /// <summary>The address for clients.</summary>
    public string Uri => string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{Port}");

    /// <summary>The address of the HTTP API.</summary>
    public string ManagementUri => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{ManagementPort}");

    /// <summary>Options for a broker on this server, as <see cref="BePatient"/> makes them.</summary>
    public RabbitMqOptions ToOptions()
    {
        RabbitMqOptions options = new() { Uri = Uri, ManagementUri = ManagementUri };
        BePatient(options);
        return options;
    }

    /// <summary>Has a broker wait as long as a busy machine may need: no call fails there because the server was slow, or took its time to come back.</summary>
    /// <param name="options">The broker's options.</param>
    public static void BePatient(RabbitMqOptions options)
    {
        options.OutageTimeout = options.Heartbeat = Programs.Patience;
        options.ConnectionTimeout = options.RequestTimeout = Programs.Patience / 5; // an attempt at recovery that hangs leaves time for others
        options.RecoveryMaxDelay = TimeSpan.FromSeconds(1);
    }

    /// <summary>Starts a server and waits until it takes connections.</summary>
    /// <param name="peer">A running server with which it makes up a cluster; it must be disposed later than this one. <see langword="null"/>: none.</param>
    /// <param name="isForSpeed">With all cores, and statistics as rarely as by default, to measure how fast it is. Default: on one core, which
    /// leaves the others to the tests, with statistics that are never old.</param>
    public static async Task<RabbitServer> StartAsync(RabbitServer? peer = null, bool isForSpeed = false)
    {
        RabbitServer server = new(peer, isForSpeed);
        try
        {
            await server.WriteConfigurationAsync();
            if (peer is null)
            {
                server.StartPortMapper();
            }

            await server.StartNodeAsync();
            if (peer is not null)
            {
                await server.ControlAsync("stop_app");
                await server.ControlAsync("join_cluster", peer._node);
                await server.ControlAsync("start_app");
                await server.UntilItAnswersAsync();
            }

            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the server as a power cut would, without a word to its clients. Its data stay.</summary>
    public async Task KillAsync()
    {
        if (_server is { HasExited: false } server)
        {
            server.Kill(entireProcessTree: true);
            await server.WaitForExitAsync();
        }
    }

    /// <summary>Starts the server again, with the data that it had.</summary>
    public Task RestartAsync() => StartNodeAsync();

    /// <summary>Waits until the server takes connections.</summary>
    public async Task UntilItAnswersAsync()
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (!await AnswersAsync())
        {
            if (_server!.HasExited || waited.Elapsed > Programs.Patience)
            {
                throw new InvalidOperationException($"rabbitmq-server did not start within {waited.Elapsed.TotalSeconds:F0} s. It said: {_output}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }
    }

    /// <summary>Makes the server short of memory: whoever publishes from now on is blocked. Every connection knows of it when this returns.</summary>
    public async Task RaiseMemoryAlarmAsync()
    {
        await ControlAsync("set_vm_memory_high_watermark", "absolute", "1");
        await ControlAsync("eval", """
            Blocks = fun(C) -> try rabbit_reader:info(C, [state]) of [{state, S}] -> lists:member(S, [blocking, blocked]) catch _:_ -> true end end,
            Wait = fun(F) -> case lists:all(Blocks, rabbit_networking:local_connections()) of true -> ok; false -> timer:sleep(20), F(F) end end,
            Wait(Wait).
            """);
    }

    /// <summary>Ends the shortage of memory.</summary>
    public Task ClearMemoryAlarmAsync() => ControlAsync("set_vm_memory_high_watermark", "0.4");

    /// <summary>Runs rabbitmqctl on this server.</summary>
    /// <param name="arguments">Command and arguments.</param>
    /// <returns>What it wrote.</returns>
    public async Task<string> ControlAsync(params string[] arguments)
    {
        (int exitCode, string output) = await Programs.RunAsync(StartInfo(ControlScript, ["-n", _node, .. arguments]));
        return exitCode == 0 ? output : throw new InvalidOperationException($"rabbitmqctl {string.Join(' ', arguments)} ended with {exitCode}: {output}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _server?.Dispose();
        if (_portMapper is { } portMapper)
        {
            portMapper.Kill();
            await portMapper.WaitForExitAsync();
            portMapper.Dispose();
        }

        Directory.Delete(_home, recursive: true);
    }

    private static string? FindPortMapper()
        => new[] { "/usr/bin/epmd" }
            .Concat(Directory.Exists("/usr/lib/erlang") ? Directory.EnumerateFiles("/usr/lib/erlang", "epmd", SearchOption.AllDirectories) : [])
            .FirstOrDefault(File.Exists);

    private async Task WriteConfigurationAsync()
    {
        if (_peer is not null)
        {
            File.Copy(Path.Combine(_peer._home, ".erlang.cookie"), Path.Combine(_home, ".erlang.cookie"));
        }

        await File.WriteAllTextAsync(Path.Combine(_home, "enabled_plugins"), "[rabbitmq_management,rabbitmq_consistent_hash_exchange,rabbitmq_random_exchange].\n");
        await File.WriteAllTextAsync(Path.Combine(_home, "rabbitmq.conf"), string.Create(CultureInfo.InvariantCulture, $"""
            listeners.tcp.1 = 127.0.0.1:{Port}
            listeners.ssl.1 = 127.0.0.1:{TlsPort}
            ssl_options.cacertfile = {Certificates.AuthorityPath}
            ssl_options.certfile = {Certificates.ServerPath}
            ssl_options.keyfile = {Certificates.ServerKeyPath}
            ssl_options.verify = verify_peer
            ssl_options.fail_if_no_peer_cert = false
            handshake_timeout = {Programs.Patience.TotalMilliseconds:F0}
            ssl_handshake_timeout = {Programs.Patience.TotalMilliseconds:F0}
            heartbeat = {Programs.Patience.TotalSeconds:F0}
            management.tcp.ip = 127.0.0.1
            management.tcp.port = {ManagementPort}
            collect_statistics_interval = {(_isForSpeed ? 5_000 : 100)}
            log.console = false
            log.file.level = warning

            """));
    }

    private void StartPortMapper()
        => _portMapper = Programs.StartServer(StartInfo(FindPortMapper()!, ["-port", _portMapperPort.ToString(CultureInfo.InvariantCulture), "-address", "127.0.0.1"]));

    private async Task StartNodeAsync()
    {
        _server?.Dispose();
        Process server = Programs.StartServer(StartInfo(Script, []));
        _server = server;
        server.OutputDataReceived += (_, line) => Note(line.Data);
        server.ErrorDataReceived += (_, line) => Note(line.Data);
        server.BeginOutputReadLine();
        server.BeginErrorReadLine();
        await UntilItAnswersAsync();
    }

    // The HTTP listener starts last; and a node that takes connections may still be starting, so AMQP has to answer, too.
    private async Task<bool> AnswersAsync()
    {
        using CancellationTokenSource patience = new(ProbePatience);
        try
        {
            foreach (int port in new[] { ManagementPort, Port })
            {
                using TcpClient probe = new();
                await probe.ConnectAsync(IPAddress.Loopback, port, patience.Token);
            }

            using TcpClient client = new();
            await client.ConnectAsync(IPAddress.Loopback, Port, patience.Token);
            await client.GetStream().WriteAsync("AMQP\0\0\u0009\u0001"u8.ToArray(), patience.Token);
            return await client.GetStream().ReadAsync(new byte[1].AsMemory(), patience.Token) == 1;
        }
        catch (Exception error) when (error is SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }

    private ProcessStartInfo StartInfo(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _home };
        foreach ((string name, string value) in new[]
        {
            ("HOME", _home),
            ("ERL_EPMD_PORT", _portMapperPort.ToString(CultureInfo.InvariantCulture)),
            ("ERL_EPMD_ADDRESS", "127.0.0.1"),
            ("RABBITMQ_NODENAME", _node),
            ("RABBITMQ_DIST_PORT", _distributionPort.ToString(CultureInfo.InvariantCulture)),
            ("RABBITMQ_CONFIG_FILE", Path.Combine(_home, "rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", Path.Combine(_home, "none")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", Path.Combine(_home, "enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", Path.Combine(_home, "data")),
            ("RABBITMQ_LOG_BASE", Path.Combine(_home, "log")),
            ("RABBITMQ_PID_FILE", Path.Combine(_home, "pid")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}" + (_isForSpeed ? "" : " +sbwt none +S 1:1")),
        })
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private void Note(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }
}
