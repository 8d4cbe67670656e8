namespace EmbeddedMq;

/// <summary>Where idempotent consumers remember, of what this package brings.</summary>
public static class IdempotenceBuilderExtensions
{
    /// <summary>Remembers processed messages in memory: what is known of them ends with the process.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Retention and so on; <see langword="null"/> means the defaults.</param>
    public static IIdempotenceBuilder UseMemory(this IIdempotenceBuilder builder, Action<MemoryIdempotenceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        MemoryIdempotenceOptions options = new();
        configure?.Invoke(options);
        return builder.UseStore(_ => new MemoryIdempotenceStore(options));
    }
}
