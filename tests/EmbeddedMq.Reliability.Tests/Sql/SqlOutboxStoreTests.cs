using System.Data.Common;

namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>The contract of outboxes, held by a SQL database.</summary>
public abstract class SqlOutboxStoreTests(SqlKind kind) : OutboxStoreContract
{
    private readonly string _name = SqlServers.UniqueName();
    private DbDataSource _source = null!;
    private TimeProvider _time = null!;

    /// <inheritdoc/>
    protected override bool IsDurable => true;

    /// <inheritdoc/>
    protected override async ValueTask<IOutboxStore> CreateAsync(TimeProvider time)
    {
        _source = await SqlServers.OpenAsync(kind, _name);
        _time = time;
        return await OpenAgainAsync();
    }

    /// <inheritdoc/>
    protected override ValueTask<IOutboxStore> OpenAgainAsync()
        => new(new SqlOutboxStore(_source, new SqlOutboxOptions { TablePrefix = _name, CreateTables = true, TimeProvider = _time }));
}

public sealed class SqliteOutboxStoreTests() : SqlOutboxStoreTests(SqlKind.Sqlite);

public sealed class PostgresOutboxStoreTests() : SqlOutboxStoreTests(SqlKind.Postgres);

public sealed class MariaDbOutboxStoreTests() : SqlOutboxStoreTests(SqlKind.MariaDb);
