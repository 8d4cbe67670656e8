using StackExchange.Redis;

namespace EmbeddedMq;

/// <summary>Has an application's idempotent consumers remember in Redis.</summary>
public static class RedisBuilderExtensions
{
    /// <summary>Remembers processed messages in a Redis, over a connection of the store's own, with the default settings.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configuration">Where it is, as StackExchange.Redis reads it: <c>host:port,password=…</c>.</param>
    public static IIdempotenceBuilder UseRedis(this IIdempotenceBuilder builder, string configuration) => UseRedis(builder, configuration, null);

    /// <summary>Remembers processed messages in a Redis, over a connection of the store's own.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configuration">Where it is, as StackExchange.Redis reads it: <c>host:port,password=…</c>.</param>
    /// <param name="options">Settings; <see langword="null"/> means the defaults.</param>
    public static IIdempotenceBuilder UseRedis(this IIdempotenceBuilder builder, string configuration, RedisIdempotenceOptions? options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(configuration);
        return builder.UseStore(_ => new RedisIdempotenceStore(configuration, options));
    }

    /// <summary>Remembers processed messages in a Redis, over a connection of the application's.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connection">Finds the connection; it stays the application's.</param>
    /// <param name="options">Settings; <see langword="null"/> means the defaults.</param>
    public static IIdempotenceBuilder UseRedis(
        this IIdempotenceBuilder builder, Func<IServiceProvider, IConnectionMultiplexer> connection, RedisIdempotenceOptions? options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(connection);
        return builder.UseStore(services => new RedisIdempotenceStore(connection(services), options));
    }
}
