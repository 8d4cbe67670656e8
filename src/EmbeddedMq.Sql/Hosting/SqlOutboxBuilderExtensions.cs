using System.Data.Common;

namespace EmbeddedMq;

/// <summary>Has an application's outbox keep its messages in a SQL database.</summary>
public static class SqlOutboxBuilderExtensions
{
    /// <summary>Keeps the outbox in a SQL database, so that messages can be stored in the application's own transactions
    /// (<see cref="SqlOutboxExtensions.AddAsync{T}"/>).</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="dataSource">Finds the database; it stays the application's.</param>
    /// <param name="configure">Settings.</param>
    public static IOutboxBuilder UseSql(this IOutboxBuilder builder, Func<IServiceProvider, DbDataSource> dataSource, Action<SqlOutboxOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(dataSource);
        return builder.UseStore(services =>
        {
            SqlOutboxOptions options = new();
            configure?.Invoke(options);
            return new SqlOutboxStore(dataSource(services), options);
        });
    }
}
