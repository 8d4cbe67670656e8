using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using EmbeddedMq.Sql.Databases;
using EmbeddedMq.Sql.Errors;
using EmbeddedMq.Sql.Schema;

namespace EmbeddedMq;

/// <summary>The tables that <see cref="SqlOutboxStore"/> and <see cref="SqlIdempotenceStore"/> work on.</summary>
/// <remarks>
/// <para>With the default prefix: <c>embeddedmq_outbox</c> (messages that wait, are in hand, or have failed), <c>embeddedmq_outbox_confirmed</c>
/// (those that a broker has, without their bodies), <c>embeddedmq_idempotence</c> (marks), <c>embeddedmq_version</c> (one row: which version
/// these tables have). Times are milliseconds since 1970, UTC. Statuses are the numbers of <see cref="OutboxStatus"/> and
/// <see cref="IdempotenceState"/>. A column <c>due_at</c> says from when on a row may be taken: of a message in hand, when its lease is over; of a
/// failed one, 2^63 - 2: never; of one that waits behind many of its order key, 2^63 - 1: when the one ahead of it has left.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public static class SqlSchema
{
    /// <summary>Makes the tables, unless they are there.</summary>
    /// <param name="dataSource">The database. On SQLite the write-ahead log is turned on, which stays with the file.</param>
    /// <param name="options">Prefix, schema, dialect; <see langword="null"/> means the defaults.</param>
    /// <param name="cancellationToken">Stops the work between two statements.</param>
    /// <remarks>Several processes may call it at once, and every time they start. A schema that is named must exist.</remarks>
    public static async ValueTask CreateAsync(DbDataSource dataSource, SqlStoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        options ??= new SqlStoreOptions();
        SqlDialect dialect = options.Dialect ?? SqlDialect.Of(dataSource);
        TableNames names = new(dialect, options);
        DbConnection connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            await ExecuteAsync(connection, null, dialect.ConnectionSettings, cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(connection, null, dialect.LockSchema, cancellationToken).ConfigureAwait(false);
            try
            {
                // On tables in use, making an index that is there would wait for everybody who writes, and others behind it.
                if (await ReadVersionAsync(connection, dialect, names, cancellationToken).ConfigureAwait(false) is null)
                {
                    await ExecuteAsync(connection, null, dialect.DatabaseSettings, cancellationToken).ConfigureAwait(false);
                    await CreateTablesAsync(connection, dialect, names, cancellationToken).ConfigureAwait(false);
                }
            }
            finally
            {
                await ExecuteAsync(connection, null, dialect.UnlockSchema, CancellationToken.None).ConfigureAwait(false);
            }

            await CheckAsync(connection, dialect, names, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The statements that <see cref="CreateAsync"/> executes, as a script for those who make tables themselves.</summary>
    /// <param name="dialect">The dialect.</param>
    /// <param name="options">Prefix and schema; <see langword="null"/> means the defaults.</param>
    public static string Script(SqlDialect dialect, SqlStoreOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(dialect);
        StringBuilder script = new();
        if (dialect.DatabaseSettings is { } settings)
        {
            script.Append(settings).Append(";\n");
        }

        foreach (string statement in dialect.CreateStatements(new TableNames(dialect, options ?? new SqlStoreOptions())))
        {
            script.Append(statement.ReplaceLineEndings("\n")).Append(";\n");
        }

        return script.ToString();
    }

    /// <summary>Throws unless the tables are there in a version that this package knows.</summary>
    /// <exception cref="InvalidOperationException">They are not.</exception>
    internal static async ValueTask CheckAsync(DbConnection connection, SqlDialect dialect, TableNames names, CancellationToken cancellationToken)
    {
        switch (await ReadVersionAsync(connection, dialect, names, cancellationToken).ConfigureAwait(false))
        {
            case null:
                throw SqlErrors.NoTables(names.Version, dialect, null);
            case var version when version != TableNames.SchemaVersion:
                throw SqlErrors.OtherVersion(names.Version, version.Value, TableNames.SchemaVersion);
            default:
                break;
        }
    }

    // The version is written last: without it, the tables are not there or not all.
    private static async ValueTask CreateTablesAsync(DbConnection connection, SqlDialect dialect, TableNames names, CancellationToken cancellationToken)
    {
        DbTransaction transaction = await connection
            .BeginTransactionAsync(dialect.Isolation(IsolationLevel.ReadCommitted), cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            foreach (string statement in dialect.CreateStatements(names))
            {
                await ExecuteAsync(connection, transaction, statement, cancellationToken).ConfigureAwait(false);
            }

            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static async ValueTask<long?> ReadVersionAsync(DbConnection connection, SqlDialect dialect, TableNames names, CancellationToken cancellationToken)
    {
        try
        {
            DbCommand command = SqlDatabase.Command(connection, null, $"select max(version) from {names.Version}");
            await using (command.ConfigureAwait(false))
            {
                object? version = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                return version is null or DBNull ? null : Convert.ToInt64(version, CultureInfo.InvariantCulture);
            }
        }
        catch (DbException error) when (dialect.IsMissingTable(error))
        {
            return null;
        }
    }

    private static async ValueTask ExecuteAsync(DbConnection connection, DbTransaction? transaction, string? text, CancellationToken cancellationToken)
    {
        if (text is not null)
        {
            DbCommand command = SqlDatabase.Command(connection, transaction, text);
            await using (command.ConfigureAwait(false))
            {
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
