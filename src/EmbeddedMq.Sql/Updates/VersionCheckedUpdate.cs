using System.Data.Common;
using System.Globalization;
using System.Text;
using EmbeddedMq.Sql.Databases;
using EmbeddedMq.Sql.Errors;

namespace EmbeddedMq;

/// <summary>An update that takes effect once, because it names the version that it changes:
/// <c>update … set …, version = version + 1 where id = … and version = …</c>. A message that carries the version may then come twice.</summary>
/// <remarks>Names of tables and columns are quoted, so they are written as they were created; values are parameters. Immutable, thread-safe.</remarks>
public sealed record VersionCheckedUpdate
{
    /// <summary>The table; with its schema if need be: <c>["shop", "orders"]</c>.</summary>
    public required IReadOnlyList<string> Table { get; init; }

    /// <summary>The columns that tell the row, with their values: the primary key. At least one.</summary>
    public required IReadOnlyDictionary<string, object> Key { get; init; }

    /// <summary>The column that holds the version, an integer. Default <c>version</c>.</summary>
    public string VersionColumn { get; init; } = "version";

    /// <summary>The version that the row must have.</summary>
    public required long ExpectedVersion { get; init; }

    /// <summary>The columns that change, with their new values; <see langword="null"/> is SQL's. May be empty: then the version alone goes on.</summary>
    public required IReadOnlyDictionary<string, object?> Values { get; init; }

    /// <summary>Updates the row.</summary>
    /// <param name="transaction">The transaction in which to do so; not committed or rolled back here.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>What became of it.</returns>
    /// <exception cref="ArgumentException">A name is none, the key is empty, or the transaction has ended.</exception>
    /// <exception cref="DbException">The database refused the statement, or another transaction's lock did not end in time.</exception>
    /// <remarks>
    /// <para>To find out why a row was not updated it is read, and locked against being changed until the transaction ends. Values are compared as
    /// the database compares them: under a collation that ignores case, so does this.</para>
    /// <para>In a transaction of PostgreSQL that is repeatable read or serializable, a row that was changed meanwhile is a serialization failure
    /// and not a conflict.</para>
    /// </remarks>
    public async ValueTask<VersionedUpdateOutcome> ExecuteAsync(DbTransaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        DbConnection connection = transaction.Connection ?? throw SqlErrors.TransactionEnded();
        if (Key.Count == 0 || Table.Count == 0)
        {
            throw SqlErrors.NoKey();
        }

        SqlDialect dialect = SqlDialect.Of(connection);
        DbCommand update = SqlDatabase.Command(connection, transaction, UpdateText(dialect));
        await using (update.ConfigureAwait(false))
        {
            AddParameters(update);
            if (await update.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false) > 0)
            {
                return VersionedUpdateOutcome.Applied;
            }
        }

        DbCommand select = SqlDatabase.Command(connection, transaction, SelectText(dialect));
        await using (select.ConfigureAwait(false))
        {
            AddParameters(select);
            DbDataReader reader = await select.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    return VersionedUpdateOutcome.NotFound;
                }

                return Convert.ToInt64(reader.GetValue(0), CultureInfo.InvariantCulture) == 1
                    ? VersionedUpdateOutcome.AlreadyApplied
                    : VersionedUpdateOutcome.Conflict;
            }
        }
    }

    private string UpdateText(SqlDialect dialect)
    {
        string version = dialect.Quote(VersionColumn);
        StringBuilder text = new($"update {TableName(dialect)} set {version} = {version} + 1");
        int number = 0;
        foreach (string column in Values.Keys)
        {
            text.Append(CultureInfo.InvariantCulture, $", {dialect.Quote(column)} = @value{number++}");
        }

        return text.Append(CultureInfo.InvariantCulture, $" where {KeyCondition(dialect)} and {version} = @expected").ToString();
    }

    // Locked, and so as it is now, where a snapshot of the transaction could be older than what the update met.
    private string SelectText(SqlDialect dialect)
    {
        StringBuilder text = new($"select case when {dialect.Quote(VersionColumn)} = @expected + 1");
        int number = 0;
        foreach (string column in Values.Keys)
        {
            text.Append(CultureInfo.InvariantCulture, $" and {dialect.Quote(column)} {dialect.IsSame} @value{number++}");
        }

        return text.Append(CultureInfo.InvariantCulture, $" then 1 else 0 end from {TableName(dialect)} where {KeyCondition(dialect)}{dialect.ForUpdate}").ToString();
    }

    private string TableName(SqlDialect dialect) => string.Join('.', Table.Select(dialect.Quote));

    private string KeyCondition(SqlDialect dialect)
        => string.Join(" and ", Key.Keys.Select((column, number) => $"{dialect.Quote(column)} = @key{number.ToString(CultureInfo.InvariantCulture)}"));

    private void AddParameters(DbCommand command)
    {
        Add("@expected", ExpectedVersion);
        int number = 0;
        foreach (object value in Key.Values)
        {
            Add($"@key{number++}", value);
        }

        number = 0;
        foreach (object? value in Values.Values)
        {
            Add($"@value{number++}", value);
        }

        // The driver finds the type by the value: the column's is not known here.
        void Add(string name, object? value)
        {
            DbParameter parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value ?? DBNull.Value;
            command.Parameters.Add(parameter);
        }
    }
}
