using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>A database server of a test's own, on loopback, with a folder that goes with it. It syncs each commit, so that it may be killed.</summary>
/// <remarks>Nothing that runs on the machine is touched. Time here is real: the server has no other.</remarks>
public abstract class DatabaseServer : IAsyncDisposable
{
    private readonly StringBuilder _output = new();
    private Process? _server;

    /// <summary>Makes the folder.</summary>
    /// <param name="name">The server's name.</param>
    protected DatabaseServer(string name)
    {
        Name = name;
        Home = Directory.CreateTempSubdirectory($"embeddedmq-{name}-").FullName;
    }

    /// <summary>Where the server listens.</summary>
    public int Port { get; } = Ports.Take();

    /// <summary>The address for the driver.</summary>
    public abstract string ConnectionString { get; }

    /// <summary>The server's process.</summary>
    public virtual int ProcessId => _server!.Id;

    /// <summary>The server's name.</summary>
    protected string Name { get; }

    /// <summary>The folder.</summary>
    protected string Home { get; }

    /// <summary>The port as a text.</summary>
    protected string PortText => Port.ToString(CultureInfo.InvariantCulture);

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
    public async Task RestartAsync()
    {
        StartServer();
        Stopwatch waited = Stopwatch.StartNew();
        while (!await AnswersAsync())
        {
            if (waited.Elapsed > Programs.Patience)
            {
                throw new InvalidOperationException($"{Name} did not start within {waited.Elapsed.TotalSeconds:F0} s. It said: {Said()}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            if (_server!.HasExited)
            {
                StartServer(); // it saw what is left of the one that was killed, which is gone in a moment
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await KillAsync();
        _server?.Dispose();
        Directory.Delete(Home, recursive: true);
    }

    /// <summary>Skips the test where no server can be started. With <c>EMBEDDEDMQ_REQUIRE_SQL=1</c> it fails instead: for machines that must not leave it out.</summary>
    /// <param name="absence">Why none can, or <see langword="null"/>.</param>
    protected static void Require(string? absence)
    {
        if (absence is not null)
        {
            Assert.False(Environment.GetEnvironmentVariable("EMBEDDEDMQ_REQUIRE_SQL") == "1", absence);
            Assert.Skip(absence);
        }
    }

    /// <summary>Makes the data folder and starts the server.</summary>
    protected async Task SetUpAsync()
    {
        try
        {
            await PrepareAsync();
            await RestartAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes the data folder.</summary>
    protected abstract Task PrepareAsync();

    /// <summary>Program and arguments of the server, in the foreground.</summary>
    protected abstract string[] ServerCommand();

    /// <summary>Program and arguments that end with 0 once the server takes connections.</summary>
    protected abstract string[] ProbeCommand();

    /// <summary>Runs a program to its end.</summary>
    /// <param name="command">Program and arguments.</param>
    protected async Task RunAsync(params string[] command)
    {
        (int exitCode, string output) = await Programs.RunAsync(StartInfo(command));
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {exitCode}: {output}");
        }
    }

    private void StartServer()
    {
        _server?.Dispose();
        Process server = Programs.StartServer(StartInfo(ServerCommand()));
        _server = server;
        server.OutputDataReceived += (_, line) => Note(line.Data);
        server.ErrorDataReceived += (_, line) => Note(line.Data);
        server.BeginOutputReadLine();
        server.BeginErrorReadLine();
    }

    private async Task<bool> AnswersAsync() => (await Programs.RunAsync(StartInfo(ProbeCommand()))).ExitCode == 0;

    private ProcessStartInfo StartInfo(string[] command)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Home };
        start.Environment["LC_ALL"] = "C";
        return start;
    }

    private void Note(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }

    private string Said()
    {
        lock (_output)
        {
            return _output.ToString();
        }
    }
}
