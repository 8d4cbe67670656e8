using EmbeddedMq.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq;

/// <summary>Outbox and idempotence on this machine's disk, for an application whose broker is elsewhere. An embedded broker with a data directory brings both
/// by itself.</summary>
public static class EmbeddedStoreBuilderExtensions
{
    /// <summary>Keeps messages in a data directory until they are confirmed, with the defaults of storage.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="directory">The data directory, made if it is not there. One process has it at a time; idempotent consumers of this process may use it too.</param>
    public static IOutboxBuilder UseEmbedded(this IOutboxBuilder builder, string directory) => builder.UseEmbedded(directory, null);

    /// <summary>Keeps messages in a data directory until they are confirmed.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="directory">The data directory, made if it is not there. One process has it at a time. Idempotent consumers of this process may use it
    /// too: then a processed message and what its handler sends are stored as one.</param>
    /// <param name="configure">Changes how it stores; <see langword="null"/> means the defaults. Of several that use a directory the first one counts.</param>
    public static IOutboxBuilder UseEmbedded(this IOutboxBuilder builder, string directory, Action<StorageOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return builder.UseStore(services => new PrivateOutboxStore(services.GetRequiredService<EmbeddedStores>().Open(directory, configure)));
    }

    /// <summary>Remembers processed messages in a data directory, with the defaults of storage.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="directory">The data directory, made if it is not there. One process has it at a time; the outbox of this process may use it too.</param>
    public static IIdempotenceBuilder UseEmbedded(this IIdempotenceBuilder builder, string directory) => builder.UseEmbedded(directory, null);

    /// <summary>Remembers processed messages in a data directory.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="directory">The data directory, made if it is not there. One process has it at a time; the outbox of this process may use it too.</param>
    /// <param name="configure">Changes how it stores; <see langword="null"/> means the defaults. Of several that use a directory the first one counts.</param>
    public static IIdempotenceBuilder UseEmbedded(this IIdempotenceBuilder builder, string directory, Action<StorageOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return builder.UseStore(services => new PrivateIdempotenceStore(services.GetRequiredService<EmbeddedStores>().Open(directory, configure)));
    }
}
