using System.Data.Common;

namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>The contract of idempotence stores, held by a SQL database.</summary>
public abstract class SqlIdempotenceStoreTests(SqlKind kind) : IdempotenceStoreContract
{
    private readonly string _name = SqlServers.UniqueName();
    private DbDataSource _source = null!;
    private TimeProvider _time = null!;

    /// <inheritdoc/>
    protected override bool IsDurable => true;

    /// <inheritdoc/>
    protected override bool HasLeases => false;

    /// <inheritdoc/>
    protected override bool ShowsClaims => false;

    /// <inheritdoc/>
    protected override async ValueTask<IIdempotenceStore> CreateAsync(TimeProvider time)
    {
        _source = await SqlServers.OpenAsync(kind, _name);
        _time = time;
        return await OpenAgainAsync();
    }

    /// <inheritdoc/>
    protected override ValueTask<IIdempotenceStore> OpenAgainAsync()
        => new(new SqlIdempotenceStore(_source, new SqlIdempotenceOptions { TablePrefix = _name, CreateTables = true, TimeProvider = _time }));
}

public sealed class SqliteIdempotenceStoreTests() : SqlIdempotenceStoreTests(SqlKind.Sqlite);

public sealed class PostgresIdempotenceStoreTests() : SqlIdempotenceStoreTests(SqlKind.Postgres);

public sealed class MariaDbIdempotenceStoreTests() : SqlIdempotenceStoreTests(SqlKind.MariaDb);
