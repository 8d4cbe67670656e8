using System.Data.Common;
using EmbeddedMq.Sql.Errors;

namespace EmbeddedMq;

/// <summary>Stores messages in the application's own database transactions.</summary>
public static class SqlOutboxExtensions
{
    /// <summary>Stores a message in a transaction of the caller's: it is sent if that commits, and was never there if it does not.</summary>
    /// <typeparam name="T">The message's type, by which its route is found.</typeparam>
    /// <param name="outbox">An outbox that keeps its messages in a <see cref="SqlOutboxStore"/>.</param>
    /// <param name="transaction">The transaction, on the outbox's database.</param>
    /// <param name="message">The message.</param>
    /// <param name="options">What differs for this message; <see langword="null"/> means nothing.</param>
    /// <param name="orderKey">Messages of one key are sent in order; <see langword="null"/>: order does not matter.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The message's id.</returns>
    /// <exception cref="InvalidOperationException">The outbox keeps its messages elsewhere.</exception>
    /// <remarks>To have it sent at once instead of when the relay next looks, call <see cref="NotifyStored"/> after the commit.</remarks>
    public static async ValueTask<string> AddAsync<T>(
        this IOutbox outbox,
        DbTransaction transaction,
        T message,
        PublishOptions? options = null,
        string? orderKey = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(outbox);
        ArgumentNullException.ThrowIfNull(transaction);
        SqlOutboxStore store = StoreOf(outbox);
        OutboxMessage prepared = outbox.Prepare(message, options, orderKey);
        await store.AddAsync(transaction, [prepared], cancellationToken).ConfigureAwait(false);
        return prepared.Id;
    }

    /// <summary>Has the relay of this process look at once; to be called after the commit of a transaction in which messages were stored.</summary>
    /// <param name="outbox">An outbox that keeps its messages in a <see cref="SqlOutboxStore"/>.</param>
    /// <exception cref="InvalidOperationException">The outbox keeps its messages elsewhere.</exception>
    public static void NotifyStored(this IOutbox outbox)
    {
        ArgumentNullException.ThrowIfNull(outbox);
        StoreOf(outbox).NotifyStored();
    }

    private static SqlOutboxStore StoreOf(IOutbox outbox) => outbox.Store as SqlOutboxStore ?? throw SqlErrors.OutboxNotInSql(outbox.Store);
}
