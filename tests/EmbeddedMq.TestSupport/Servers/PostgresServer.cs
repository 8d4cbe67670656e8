using System.Globalization;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>A real PostgreSQL for tests.</summary>
/// <remarks>It refuses to run as root: there it runs as the user that the Debian package makes.</remarks>
public sealed class PostgresServer : DatabaseServer
{
    private const string User = "postgres";

    private static readonly string? Programs = Directory.Exists("/usr/lib/postgresql")
        ? Directory.EnumerateDirectories("/usr/lib/postgresql").Select(static version => Path.Combine(version, "bin"))
            .Where(static bin => File.Exists(Path.Combine(bin, "postgres"))).Order(StringComparer.Ordinal).LastOrDefault()
        : null;

    private PostgresServer()
        : base("postgres")
    {
    }

    /// <summary>Why no server can be started here, or <see langword="null"/> when one can: a reason to skip a test.</summary>
    public static string? Absence { get; } = Programs is not null ? null : "There is no PostgreSQL on this machine. Install it with: apt-get install -y postgresql";

    /// <inheritdoc/>
    public override string ConnectionString => $"Host=127.0.0.1;Port={PortText};Username={User};Database=postgres;Maximum Pool Size=60;Include Error Detail=true;Timeout=600;Command Timeout=600";

    private string Data => Path.Combine(Home, "data");

    /// <summary>Skips or fails the test where no server can be started.</summary>
    public static void Require() => Require(Absence);

    /// <inheritdoc/>
    /// <remarks>Not the program that has started it as another user: that one ends with it, and has seen its end by then.</remarks>
    public override int ProcessId => int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    /// <summary>Starts a server and waits until it takes connections.</summary>
    public static async Task<PostgresServer> StartAsync()
    {
        PostgresServer server = new();
        await server.SetUpAsync();
        return server;
    }

    /// <inheritdoc/>
    protected override async Task PrepareAsync()
    {
        if (Environment.UserName == "root")
        {
            await RunAsync("chown", User, Home);
        }

        await RunAsync(AsUser("initdb", "-D", Data, "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"));
    }

    /// <inheritdoc/>
    protected override string[] ServerCommand() => AsUser(
        "postgres", "-D", Data, "-p", PortText, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "shared_buffers=64MB",
        "-c", "max_connections=120");

    /// <inheritdoc/>
    protected override string[] ProbeCommand() => [Path.Combine(Programs!, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", PortText, "-U", User];

    private static string[] AsUser(string program, params string[] arguments)
    {
        string[] command = [Path.Combine(Programs!, program), .. arguments];
        return Environment.UserName == "root" ? ["/usr/sbin/runuser", "-u", User, "--", .. command] : command;
    }
}
