using System.Data;
using System.Data.Common;

namespace EmbeddedMq.Sql.Databases;

/// <summary>A transaction with its connection, and with the right to write where that is one's at a time. Disposed without a commit it is rolled back.</summary>
/// <remarks>For one caller at a time.</remarks>
internal sealed class SqlWork(DbConnection connection, DbTransaction transaction, SemaphoreSlim? line) : IAsyncDisposable
{
    private int _isDisposed;

    /// <summary>The connection.</summary>
    internal DbConnection Connection => connection;

    /// <summary>The transaction.</summary>
    internal DbTransaction Transaction => transaction;

    /// <summary>Makes a command in the transaction.</summary>
    internal DbCommand Command(string text) => SqlDatabase.Command(connection, transaction, text);

    /// <summary>Executes a statement without parameters.</summary>
    /// <returns>How many rows it changed.</returns>
    internal async ValueTask<int> ExecuteAsync(string text, CancellationToken cancellationToken)
    {
        DbCommand command = Command(text);
        await using (command.ConfigureAwait(false))
        {
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Undoes a limit of waiting for locks after the statement behind it failed, where that belongs to the session and not to the transaction:
    /// the server has stopped before the statement that would have undone it.</summary>
    internal async ValueTask UnlimitLockWaitAsync(SqlDialect dialect, CancellationToken cancellationToken)
    {
        if (dialect == SqlDialect.MySql)
        {
            await ExecuteAsync(dialect.UnlimitLockWait.TrimStart(';', ' '), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Commits.</summary>
    internal async ValueTask CommitAsync(CancellationToken cancellationToken) => await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        try
        {
            try
            {
                await transaction.DisposeAsync().ConfigureAwait(false);
            }
            finally
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is DbException or InvalidOperationException && connection.State != ConnectionState.Open)
        {
            // The connection is gone, and the server rolls back what it had begun.
        }
        finally
        {
            line?.Release();
        }
    }
}
