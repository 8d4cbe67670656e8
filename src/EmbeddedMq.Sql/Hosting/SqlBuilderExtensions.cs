using System.Data.Common;

namespace EmbeddedMq;

/// <summary>Has an application's outbox and idempotent consumers work in a SQL database.</summary>
public static class SqlBuilderExtensions
{
    /// <summary>Keeps the outbox, and what idempotent consumers have processed, in one database: what a handler changes there by its
    /// <see cref="SqlMessageTransaction"/>, the mark that the message was processed, and the messages that it sends commit together.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="dataSource">Finds the database; it stays the application's.</param>
    /// <param name="configure">Settings of both: where the tables are, by which clock.</param>
    /// <param name="outbox">Settings of the outbox, after the common ones.</param>
    /// <param name="idempotence">Settings of idempotence, after the common ones.</param>
    public static IEmbeddedMqBuilder UseSql(
        this IEmbeddedMqBuilder builder,
        Func<IServiceProvider, DbDataSource> dataSource,
        Action<SqlStoreOptions>? configure = null,
        Action<SqlOutboxOptions>? outbox = null,
        Action<SqlIdempotenceOptions>? idempotence = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(dataSource);
        Lock gate = new();
        SqlOutboxStore? store = null;
        return builder
            .Outbox(messages => messages.UseStore(OutboxOf))
            .Idempotence(marks => marks.UseSql(dataSource, (services, options) =>
            {
                configure?.Invoke(options);
                options.Outbox = OutboxOf(services);
                idempotence?.Invoke(options);
            }));

        // One for both, whoever asks first: what a handler stores wakes the relay then.
        SqlOutboxStore OutboxOf(IServiceProvider services)
        {
            lock (gate)
            {
                if (store is null)
                {
                    SqlOutboxOptions options = new();
                    configure?.Invoke(options);
                    outbox?.Invoke(options);
                    store = new SqlOutboxStore(dataSource(services), options);
                }

                return store;
            }
        }
    }
}
