using System.Data.Common;

namespace EmbeddedMq;

/// <summary>Has an application's idempotent consumers remember in a SQL database.</summary>
public static class SqlIdempotenceBuilderExtensions
{
    /// <summary>Remembers processed messages in a SQL database, in the transaction in which each is handled (<see cref="SqlMessageTransaction"/>).</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="dataSource">Finds the database; it stays the application's.</param>
    /// <param name="configure">Settings, with the application's services.</param>
    public static IIdempotenceBuilder UseSql(
        this IIdempotenceBuilder builder,
        Func<IServiceProvider, DbDataSource> dataSource,
        Action<IServiceProvider, SqlIdempotenceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(dataSource);
        return builder
            .ShareWithHandlers(static _ => new SqlMessageTransaction())
            .UseStore(services =>
            {
                SqlIdempotenceOptions options = new();
                configure?.Invoke(services, options);
                return new SqlIdempotenceStore(dataSource(services), options);
            });
    }
}
