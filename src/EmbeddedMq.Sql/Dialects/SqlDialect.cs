using System.Data;
using System.Data.Common;
using System.Text;
using EmbeddedMq.Sql.Errors;
using EmbeddedMq.Sql.Schema;

namespace EmbeddedMq;

/// <summary>What differs between databases: types, quoting, locks, and how errors are told apart. One of three; immutable, thread-safe.</summary>
/// <remarks>The driver is the application's: this package knows drivers by the names of their types only.</remarks>
public abstract class SqlDialect
{
    private const int MaxIdentifierBytes = 63; // PostgreSQL's limit, the smallest of the three

    private protected SqlDialect()
    {
    }

    /// <summary>SQLite 3.35 or later, through Microsoft.Data.Sqlite.</summary>
    /// <remarks>Its driver has no data source of its own: <c>SqliteFactory.Instance.CreateDataSource(connectionString)</c> makes one.</remarks>
    public static SqlDialect Sqlite { get; } = new Sql.Dialects.SqliteDialect();

    /// <summary>PostgreSQL 12 or later, through Npgsql.</summary>
    public static SqlDialect PostgreSql { get; } = new Sql.Dialects.PostgreSqlDialect();

    /// <summary>MariaDB 10.6 or later and MySQL 8 or later, through MySqlConnector.</summary>
    public static SqlDialect MySql { get; } = new Sql.Dialects.MySqlDialect();

    /// <summary>The dialect's name, for people.</summary>
    public abstract string Name { get; }

    /// <summary>What follows a select that locks its rows and leaves out those that others have locked; begins with a space, or empty.</summary>
    internal abstract string SkipLocked { get; }

    /// <summary>What follows a select that locks its rows and waits for others; begins with a space, or empty.</summary>
    internal abstract string ForUpdate { get; }

    /// <summary>The condition that a column has a value, where both may be null: between the two.</summary>
    internal abstract string IsSame { get; }

    /// <summary>Whether one connection at a time may write, so that writers of one process queue for that.</summary>
    internal virtual bool HasOneWriter => false;

    /// <summary>Whether looking for a mark before a transaction is begun for it saves more than it costs.</summary>
    internal virtual bool LooksBeforeClaiming => true;

    /// <summary>The statement that gives the server's time in milliseconds since 1970, or <see langword="null"/> where the clock is this machine's.</summary>
    internal virtual string? SelectNow => null;

    /// <summary>The dialect of a connection's driver.</summary>
    /// <param name="connection">The connection; it need not be open.</param>
    /// <exception cref="NotSupportedException">The driver is none that is known. Name the dialect in the options.</exception>
    public static SqlDialect Of(DbConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        string type = connection.GetType().FullName!;
        return type switch
        {
            "Microsoft.Data.Sqlite.SqliteConnection" => Sqlite,
            "Npgsql.NpgsqlConnection" => PostgreSql,
            "MySqlConnector.MySqlConnection" or "MySql.Data.MySqlClient.MySqlConnection" => MySql,
            _ => throw SqlErrors.UnknownDriver(type),
        };
    }

    /// <summary>The dialect of a data source's driver.</summary>
    /// <param name="dataSource">The data source.</param>
    /// <exception cref="NotSupportedException">The driver is none that is known. Name the dialect in the options.</exception>
    public static SqlDialect Of(DbDataSource dataSource)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        using DbConnection connection = dataSource.CreateConnection();
        return Of(connection);
    }

    /// <summary>Quotes a name of a table or column.</summary>
    /// <param name="identifier">1 to 63 bytes of UTF-8, without control characters.</param>
    /// <exception cref="ArgumentException">It is none.</exception>
    public string Quote(string identifier)
    {
        ArgumentException.ThrowIfNullOrEmpty(identifier);
        if (Encoding.UTF8.GetByteCount(identifier) > MaxIdentifierBytes || identifier.Any(char.IsControl))
        {
            throw SqlErrors.NoIdentifier(identifier);
        }

        return QuoteValid(identifier);
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Quotes a name that has been checked.</summary>
    private protected abstract string QuoteValid(string identifier);

    /// <summary>The statements that make the tables, each by itself.</summary>
    /// <param name="names">The tables' names, quoted.</param>
    internal abstract IReadOnlyList<string> CreateStatements(TableNames names);

    /// <summary>Keeps others from making the tables at the same time, until <see cref="UnlockSchema"/>; <see langword="null"/> where that is harmless.</summary>
    internal virtual string? LockSchema => null;

    /// <summary>Undoes <see cref="LockSchema"/>.</summary>
    internal virtual string? UnlockSchema => null;

    /// <summary>Settings of the database that are made with the tables, outside a transaction; <see langword="null"/> for none.</summary>
    internal virtual string? DatabaseSettings => null;

    /// <summary>Settings of an opened connection; <see langword="null"/> for none.</summary>
    internal virtual string? ConnectionSettings => null;

    /// <summary>The isolation in which to begin a transaction.</summary>
    /// <param name="wanted">What is asked for.</param>
    internal virtual IsolationLevel Isolation(IsolationLevel wanted) => wanted;

    /// <summary>Adds a text whose characters all count and are compared one by one.</summary>
    internal virtual void AddKey(DbCommand command, string name, string? value) => Add(command, name, DbType.String, value);

    /// <summary>Reads what <see cref="AddKey"/> stored.</summary>
    internal virtual string ReadKey(DbDataReader reader, int column) => reader.GetString(column);

    /// <summary>Adds a text that is kept and not compared.</summary>
    internal virtual void AddText(DbCommand command, string name, string? value) => Add(command, name, DbType.String, value);

    /// <summary>Reads what <see cref="AddText"/> stored.</summary>
    internal virtual string ReadText(DbDataReader reader, int column) => reader.GetString(column);

    /// <summary>What stands before a statement so that it waits for locks for so long and no longer; empty where that cannot be said in a statement.</summary>
    internal virtual string LimitLockWait(TimeSpan limit) => "";

    /// <summary>What undoes <see cref="LimitLockWait"/>.</summary>
    internal virtual string UnlimitLockWait => "";

    /// <summary>The insert of a mark that does nothing, or fails as <see cref="IsUniqueViolation"/>, where there is one.</summary>
    /// <param name="insert">The plain insert.</param>
    internal virtual string InsertUnlessThere(string insert) => insert + " on conflict do nothing";

    /// <summary>Deletes rows that a condition tells, the lowest first, at most so many.</summary>
    /// <param name="table">The table, quoted.</param>
    /// <param name="keys">The columns of its primary key.</param>
    /// <param name="condition">The condition.</param>
    /// <param name="order">The column by which the lowest are found.</param>
    /// <param name="max">At most so many.</param>
    internal virtual string DeleteLowest(string table, string keys, string condition, string order, int max)
        => $"delete from {table} where ({keys}) in (select {keys} from {table} where {condition} order by {order} limit {max}{SkipLocked})";

    /// <summary>Whether an error says that a row of this key is there.</summary>
    internal abstract bool IsUniqueViolation(DbException error);

    /// <summary>Whether an error says that somebody else holds a lock, or that two waited for one another and this one lost.</summary>
    internal abstract bool IsLockConflict(DbException error);

    /// <summary>Whether an error says that a table is missing.</summary>
    internal abstract bool IsMissingTable(DbException error);

    /// <summary>Whether an error says that what was done is not allowed, and never will be however often it is tried: a constraint, a value out of range, a
    /// trigger's refusal. Not that the database cannot do it at present.</summary>
    internal abstract bool IsRefusal(DbException error);

    /// <summary>The statement that fails where an earlier error has ended the transaction and its commit would not say so; <see langword="null"/> where it would.</summary>
    internal virtual string? AskBeforeCommit => null;

    /// <summary>Adds a parameter.</summary>
    internal static void Add(DbCommand command, string name, DbType type, object? value)
    {
        DbParameter parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.DbType = type;
        parameter.Value = value ?? DBNull.Value;
        command.Parameters.Add(parameter);
    }
}
