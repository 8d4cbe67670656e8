using System.Data.Common;
using EmbeddedMq.Reliability.Tests.Sql;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

[assembly: AssemblyFixture(typeof(SqlServers))]

namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>One server of each kind for all tests, started when first needed and stopped after the last: an assembly fixture.</summary>
public sealed class SqlServers : IAsyncLifetime
{
    private static readonly string Folder = Directory.CreateTempSubdirectory("embeddedmq-sqlite-").FullName;
    private static readonly Lazy<Task<(PostgresServer Server, DbDataSource Source)>> Postgres = new(static async () =>
    {
        PostgresServer server = await PostgresServer.StartAsync();
        return (server, NpgsqlDataSource.Create(server.ConnectionString));
    });

    private static readonly Lazy<Task<(MariaDbServer Server, DbDataSource Source)>> MariaDb = new(static async () =>
    {
        MariaDbServer server = await MariaDbServer.StartAsync();
        return (server, new MySqlDataSource(server.ConnectionString));
    });

    private static int _names;

    /// <summary>A name that no other test uses: a prefix of tables, or a file.</summary>
    public static string UniqueName() => $"t{Interlocked.Increment(ref _names)}_";

    /// <summary>A data source for a kind of database. A test without its server is skipped, with the reason.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="name">For SQLite: the file.</param>
    public static async Task<DbDataSource> OpenAsync(SqlKind kind, string name)
    {
        switch (kind)
        {
            case SqlKind.Postgres:
                PostgresServer.Require();
                return (await Postgres.Value).Source;
            case SqlKind.MariaDb:
                MariaDbServer.Require();
                return (await MariaDb.Value).Source;
            default:
                return SqliteFactory.Instance.CreateDataSource(SqliteConnectionString(name));
        }
    }

    /// <summary>The address of a SQLite file.</summary>
    /// <param name="name">Its name.</param>
    public static string SqliteConnectionString(string name) => $"Data Source={Path.Combine(Folder, name + ".db")}";

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Postgres.IsValueCreated)
        {
            (PostgresServer server, DbDataSource source) = await Postgres.Value;
            await source.DisposeAsync();
            await server.DisposeAsync();
        }

        if (MariaDb.IsValueCreated)
        {
            (MariaDbServer server, DbDataSource source) = await MariaDb.Value;
            await source.DisposeAsync();
            await server.DisposeAsync();
        }

        SqliteConnection.ClearAllPools();
        Directory.Delete(Folder, recursive: true);
    }
}
