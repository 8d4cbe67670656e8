using System.Data.Common;
using EmbeddedMq.Sql.Errors;

namespace EmbeddedMq;

/// <summary>The database transaction of the message being handled: what a handler changes in it takes effect together with the mark that the message
/// was processed, and with the messages that the handler sends. A service of each message's scope.</summary>
/// <remarks>The consumer commits it or rolls it back; the handler does neither. For use by one caller at a time, until the handler has completed.</remarks>
public sealed class SqlMessageTransaction
{
    private DbTransaction? _transaction;

    /// <summary>Whether there is one: within the handler of an idempotent consumer that remembers in a <see cref="SqlIdempotenceStore"/>.</summary>
    public bool IsActive => _transaction?.Connection is not null;

    /// <summary>The transaction.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public DbTransaction Transaction => _transaction ?? throw SqlErrors.NoTransaction();

    /// <summary>Its connection.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public DbConnection Connection => Transaction.Connection ?? throw SqlErrors.NoTransaction();

    /// <summary>Makes a command in the transaction.</summary>
    /// <param name="commandText">The statement.</param>
    /// <exception cref="InvalidOperationException">There is no transaction.</exception>
    public DbCommand CreateCommand(string commandText)
    {
        DbCommand command = Connection.CreateCommand();
        command.Transaction = Transaction;
        command.CommandText = commandText;
        return command;
    }

    /// <summary>Begins or ends being active.</summary>
    /// <param name="transaction">The transaction; <see langword="null"/> ends it.</param>
    internal void Set(DbTransaction? transaction) => _transaction = transaction;
}
