using System.Data.Common;
using EmbeddedMq.LoadTests.Peers;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

namespace EmbeddedMq.LoadTests.Stores;

/// <summary>A store that is measured, with what it runs on: started when it is first measured.</summary>
/// <param name="name">Its name.</param>
/// <param name="absence">Why it cannot be measured here; <see langword="null"/>: it can.</param>
/// <param name="open">Starts what it runs on; whatever has to end is added to what it is given.</param>
internal sealed class StoreUnderLoad(string name, string? absence, Func<Disposables, Task<IIdempotenceStore>> open) : IAsyncDisposable
{
    internal const string Embedded = "EmbeddedMq, embedded";
    internal const string Sqlite = "SQLite";

    private readonly Disposables _disposables = new();
    private IIdempotenceStore? _store;

    internal string Name => name;

    internal string? Absence => absence;

    /// <summary>The store, which remembers what comes again.</summary>
    internal async ValueTask<IIdempotenceStore> GetAsync()
    {
        if (_store is null)
        {
            _store = await open(_disposables);
            await StoreRun.FillAsync(_store);
        }

        return _store;
    }

    public ValueTask DisposeAsync() => _disposables.DisposeAsync();

    /// <summary>All there are.</summary>
    /// <param name="directory">Where files are.</param>
    internal static IReadOnlyList<StoreUnderLoad> All(string directory) =>
    [
        new("EmbeddedMq, in memory", null, static _ => Task.FromResult<IIdempotenceStore>(new MemoryIdempotenceStore(null))),
        new(Embedded, null, async disposables => disposables.Add(await StartBrokerAsync(Path.Combine(directory, "marks"))).Idempotence),
        new(Sqlite, null, disposables => Task.FromResult(Sql(disposables, SqliteSource(Path.Combine(directory, "marks.db"))))),
        new("PostgreSQL", PostgresServer.Absence, static async disposables => Sql(disposables, NpgsqlDataSource.Create(disposables.Add(await PostgresServer.StartAsync()).ConnectionString))),
        new("MariaDB", MariaDbServer.Absence, static async disposables => Sql(disposables, new MySqlDataSource(disposables.Add(await MariaDbServer.StartAsync()).ConnectionString))),
        new("Redis", RedisServer.Absence, static async disposables =>
            disposables.Add(new RedisIdempotenceStore(disposables.Add(await RedisServer.StartAsync()).Configuration, new RedisIdempotenceOptions()))),
    ];

    /// <summary>A broker with a data directory.</summary>
    internal static async Task<Broker> StartBrokerAsync(string directory) => await Broker.StartAsync(new BrokerOptions { DataDirectory = directory });

    /// <summary>A SQLite file, with pooled connections.</summary>
    internal static DbDataSource SqliteSource(string file) => SqliteFactory.Instance.CreateDataSource($"Data Source={file}");

    private static IIdempotenceStore Sql(Disposables disposables, DbDataSource source)
    {
        disposables.Add(source);
        return disposables.Add(new SqlIdempotenceStore(source, new SqlIdempotenceOptions { CreateTables = true }));
    }
}
