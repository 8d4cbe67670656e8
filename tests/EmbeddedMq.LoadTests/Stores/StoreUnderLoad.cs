using System.Data.Common;
using EmbeddedMq.LoadTests.Peers;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

namespace EmbeddedMq.LoadTests.Stores;

/// <summary>A store that is measured, with what it runs on.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Absence">Why it cannot be measured here; <see langword="null"/>: it can.</param>
/// <param name="OpenAsync">Starts what it runs on; whatever has to end is added to what it is given.</param>
internal sealed record StoreUnderLoad(string Name, string? Absence, Func<Disposables, Task<IIdempotenceStore>> OpenAsync)
{
    internal const string Embedded = "EmbeddedMq, embedded";
    internal const string Sqlite = "SQLite";

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
