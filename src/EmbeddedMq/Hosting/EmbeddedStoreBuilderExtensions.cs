using EmbeddedMq.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq;

#pragma warning disable RS0026 // no overloads: they extend different builders

/// <summary>Outbox and idempotence on this machine's disk, for an application whose broker is elsewhere. An embedded broker with a data directory brings both
/// by itself.</summary>
public static class EmbeddedStoreBuilderExtensions
{
    /// <summary>Keeps messages in a data directory until they are confirmed.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="directory">The data directory, made if it is not there. One process has it at a time. Idempotent consumers of this process may use it
    /// too: then a processed message and what its handler sends are stored as one.</param>
    /// <param name="configure">Changes how it stores; <see langword="null"/> means the defaults. Of several that use a directory the first one counts.</param>
    public static IOutboxBuilder UseEmbedded(this IOutboxBuilder builder, string directory, Action<StorageOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return builder.UseStore(services => services.GetRequiredService<EmbeddedStores>().Open(directory, configure).Outbox);
    }

    /// <summary>Remembers processed messages in a data directory.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="directory">The data directory, made if it is not there. One process has it at a time; the outbox of this process may use it too.</param>
    /// <param name="configure">Changes how it stores; <see langword="null"/> means the defaults. Of several that use a directory the first one counts.</param>
    public static IIdempotenceBuilder UseEmbedded(this IIdempotenceBuilder builder, string directory, Action<StorageOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return builder.UseStore(services => services.GetRequiredService<EmbeddedStores>().Open(directory, configure).Idempotence);
    }
}
