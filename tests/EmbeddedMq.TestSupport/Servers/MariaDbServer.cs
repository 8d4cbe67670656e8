namespace EmbeddedMq.TestSupport.Servers;

/// <summary>A real MariaDB for tests, without passwords.</summary>
public sealed class MariaDbServer : DatabaseServer
{
    private const string Program = "/usr/sbin/mariadbd";
    private const string User = "mysql";

    private MariaDbServer()
        : base("mariadb")
    {
    }

    /// <summary>Why no server can be started here, or <see langword="null"/> when one can: a reason to skip a test.</summary>
    public static string? Absence { get; } = File.Exists(Program) ? null : "There is no MariaDB on this machine. Install it with: apt-get install -y mariadb-server";

    /// <inheritdoc/>
    public override string ConnectionString => $"Server=127.0.0.1;Port={PortText};User ID=root;Database=embeddedmq;Maximum Pool Size=60";

    private string Data => Path.Combine(Home, "data");

    private string Socket => Path.Combine(Home, "s");

    /// <summary>Skips or fails the test where no server can be started.</summary>
    public static void Require() => Require(Absence);

    /// <summary>Starts a server and waits until it takes connections.</summary>
    public static async Task<MariaDbServer> StartAsync()
    {
        MariaDbServer server = new();
        await server.SetUpAsync();
        await server.RunAsync("/usr/bin/mariadb", "--no-defaults", "--socket", server.Socket, "-e", "create database embeddedmq");
        return server;
    }

    /// <inheritdoc/>
    protected override async Task PrepareAsync()
    {
        if (AsUser().Length > 0)
        {
            await RunAsync("chown", User, Home);
        }

        await RunAsync(
            ["/usr/bin/mariadb-install-db", "--no-defaults", "--datadir=" + Data, "--auth-root-authentication-method=normal", "--skip-test-db", .. AsUser()]);
    }

    /// <inheritdoc/>
    protected override string[] ServerCommand() =>
    [
        Program, "--no-defaults", "--datadir=" + Data, "--port=" + PortText, "--bind-address=127.0.0.1", "--socket=" + Socket, "--pid-file=" + Path.Combine(Home, "pid"),
        "--skip-grant-tables", "--skip-networking=0", "--skip-name-resolve", "--innodb-buffer-pool-size=64M", "--max-connections=200", .. AsUser(),
    ];

    /// <inheritdoc/>
    protected override string[] ProbeCommand() => ["/usr/bin/mariadb-admin", "--no-defaults", "--socket", Socket, "ping"];

    private static string[] AsUser() => Environment.UserName == "root" ? ["--user=" + User] : [];
}
