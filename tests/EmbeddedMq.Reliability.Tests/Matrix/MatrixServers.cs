using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>The servers of the matrix, each started when a cell first asks for it: two of a kind, one of which may be killed.</summary>
public sealed class MatrixServers : IAsyncLifetime
{
    private readonly Dictionary<string, object> _started = [];

    /// <summary>The address of a mechanism's server; empty where it has none.</summary>
    /// <param name="mechanism">The mechanism.</param>
    internal async Task<string> AddressAsync(Mechanism mechanism) => mechanism switch
    {
        Mechanism.PostgresOutbox or Mechanism.PostgresInbox => (await GetAsync("postgres", StartPostgresAsync)).ConnectionString,
        Mechanism.MariaDbOutbox or Mechanism.MariaDbInbox => (await GetAsync("mariadb", StartMariaDbAsync)).ConnectionString,
        Mechanism.RedisInbox => (await GetAsync("redis", StartRedisAsync)).PatientConfiguration,
        _ => "",
    };

    /// <summary>The address of the RabbitMQ server; empty where the engine is another.</summary>
    /// <param name="engine">The engine.</param>
    internal static async Task<string> RabbitMqAsync(Engine engine) => engine == Engine.RabbitMq ? (await SharedRabbitServer.GetAsync()).Uri : "";

    /// <summary>A mechanism's server that may be killed.</summary>
    /// <param name="mechanism">The mechanism.</param>
    internal async Task<MortalServer> MortalAsync(Mechanism mechanism)
    {
        switch (mechanism)
        {
            case Mechanism.PostgresOutbox or Mechanism.PostgresInbox:
                PostgresServer postgres = await GetAsync("mortal postgres", StartPostgresAsync);
                return new MortalServer(postgres.ConnectionString, () => postgres.ProcessId, postgres.RestartAsync);
            case Mechanism.MariaDbOutbox or Mechanism.MariaDbInbox:
                MariaDbServer mariaDb = await GetAsync("mortal mariadb", StartMariaDbAsync);
                return new MortalServer(mariaDb.ConnectionString, () => mariaDb.ProcessId, mariaDb.RestartAsync);
            default:
                RedisServer redis = await GetAsync("mortal redis", StartRedisAsync);
                return new MortalServer(redis.Configuration, () => redis.ProcessId, redis.RestartAsync);
        }
    }

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable server in _started.Values.Cast<IAsyncDisposable>())
        {
            await server.DisposeAsync();
        }
    }

    private static Task<PostgresServer> StartPostgresAsync()
    {
        PostgresServer.Require();
        return PostgresServer.StartAsync();
    }

    private static Task<MariaDbServer> StartMariaDbAsync()
    {
        MariaDbServer.Require();
        return MariaDbServer.StartAsync();
    }

    private static Task<RedisServer> StartRedisAsync()
    {
        RedisServer.Require();
        return RedisServer.StartAsync();
    }

    // The tests of a class run one after another, so nobody else asks meanwhile.
    private async Task<T> GetAsync<T>(string name, Func<Task<T>> start)
        where T : IAsyncDisposable
    {
        if (!_started.TryGetValue(name, out object? server))
        {
            _started[name] = server = await start();
        }

        return (T)server;
    }
}
