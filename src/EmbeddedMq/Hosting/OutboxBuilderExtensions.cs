using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq;

/// <summary>The outbox stores that come with the broker.</summary>
public static class OutboxBuilderExtensions
{
    /// <summary>Keeps the messages in memory: <b>they end with the process</b>, and what was not confirmed by then is lost.</summary>
    /// <param name="builder">The builder.</param>
    /// <remarks>It bridges a broker that cannot be reached for a while, and serves tests. An embedded broker without a data directory does this by itself.</remarks>
    public static IOutboxBuilder UseMemory(this IOutboxBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.UseStore(static services => new MemoryOutboxStore(services.GetService<TimeProvider>()));
    }
}
