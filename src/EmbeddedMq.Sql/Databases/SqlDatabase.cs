using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using EmbeddedMq.Sql.Errors;
using EmbeddedMq.Sql.Schema;

namespace EmbeddedMq.Sql.Databases;

/// <summary>One set of tables in one database: gives connections and transactions, once the tables are known to be there.</summary>
/// <remarks>
/// <para>Where one connection at a time may write (SQLite), the writers of this process stand in one line for it, first come, first served: the
/// library itself wakes nobody, and who polls for a lock may lose against newcomers for ever.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class SqlDatabase
{
    /// <summary>How long a writer stands in line, unless it says otherwise.</summary>
    internal static readonly TimeSpan TurnTimeout = TimeSpan.FromSeconds(30);

    // One line for each database, whatever data sources reach it. Never removed: an application has few databases.
    private static readonly ConcurrentDictionary<string, SemaphoreSlim> Lines = new(StringComparer.Ordinal);

    private readonly SemaphoreSlim? _line;
    private readonly SqlStoreOptions _options;
    private volatile bool _isChecked;

    /// <summary>Takes a database into use; nothing is opened.</summary>
    internal SqlDatabase(DbDataSource source, SqlStoreOptions options)
    {
        Source = source;
        _options = options;
        Dialect = options.Dialect ?? SqlDialect.Of(source);
        Tables = new TableNames(Dialect, options);
        Clock = new SqlClock(Dialect, options.TimeProvider);
        _line = Dialect.HasOneWriter ? Lines.GetOrAdd(source.ConnectionString, static _ => new SemaphoreSlim(1, 1)) : null;
    }

    /// <summary>Where connections come from.</summary>
    internal DbDataSource Source { get; }

    /// <summary>The dialect.</summary>
    internal SqlDialect Dialect { get; }

    /// <summary>The tables.</summary>
    internal TableNames Tables { get; }

    /// <summary>The clock.</summary>
    internal SqlClock Clock { get; }

    /// <summary>Makes a command.</summary>
    internal static DbCommand Command(DbConnection connection, DbTransaction? transaction, string text)
    {
        DbCommand command = connection.CreateCommand();
        command.CommandText = text;
        command.Transaction = transaction;
        return command;
    }

    /// <summary>Opens a connection, for reading.</summary>
    /// <exception cref="InvalidOperationException">The tables are missing.</exception>
    internal async ValueTask<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (!_isChecked && _options.CreateTables)
        {
            await SqlSchema.CreateAsync(Source, _options, cancellationToken).ConfigureAwait(false);
            _isChecked = true;
        }

        DbConnection connection = await Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Dialect.ConnectionSettings is { } settings)
            {
                await ExecuteAsync(connection, null, settings, cancellationToken).ConfigureAwait(false);
            }

            if (!_isChecked)
            {
                await SqlSchema.CheckAsync(connection, Dialect, Tables, cancellationToken).ConfigureAwait(false);
                _isChecked = true;
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Begins a transaction that writes.</summary>
    /// <param name="isolation">The isolation, where the database has more than one.</param>
    /// <param name="turnTimeout">How long to stand in line where writers do.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The transaction, or <see langword="null"/> where its turn did not come in time.</returns>
    internal async ValueTask<SqlWork?> TryBeginAsync(IsolationLevel isolation, TimeSpan turnTimeout, CancellationToken cancellationToken)
    {
        if (_line is not null && !await _line.WaitAsync(turnTimeout, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        DbConnection? connection = null;
        try
        {
            connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
            DbTransaction transaction = await connection.BeginTransactionAsync(Dialect.Isolation(isolation), cancellationToken).ConfigureAwait(false);
            return new SqlWork(connection, transaction, _line);
        }
        catch
        {
            try
            {
                if (connection is not null)
                {
                    await connection.DisposeAsync().ConfigureAwait(false);
                }
            }
            finally
            {
                _line?.Release();
            }

            throw;
        }
    }

    /// <summary>Begins a transaction that writes, of the isolation that the stores' own statements need: each sees what was committed before it.</summary>
    /// <exception cref="TimeoutException">Its turn did not come within <see cref="TurnTimeout"/>.</exception>
    internal async ValueTask<SqlWork> BeginAsync(CancellationToken cancellationToken)
        => await TryBeginAsync(IsolationLevel.ReadCommitted, TurnTimeout, cancellationToken).ConfigureAwait(false) ?? throw SqlErrors.NoTurn(TurnTimeout);

    private static async ValueTask ExecuteAsync(DbConnection connection, DbTransaction? transaction, string text, CancellationToken cancellationToken)
    {
        DbCommand command = Command(connection, transaction, text);
        await using (command.ConfigureAwait(false))
        {
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
