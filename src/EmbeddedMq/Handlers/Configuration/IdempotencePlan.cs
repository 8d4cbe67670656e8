namespace EmbeddedMq.Handlers.Configuration;

/// <summary>How processed messages are remembered, for all idempotent consumers of one broker. Immutable.</summary>
internal sealed record IdempotencePlan
{
    /// <summary>What counts where nothing is said.</summary>
    public static IdempotencePlan Default { get; } = new();

    /// <summary>Makes the store, or <see langword="null"/> for the broker's own.</summary>
    public Func<IServiceProvider, IIdempotenceStore>? CreateStore { get; init; }

    /// <summary>How long a claim holds without a sign of life.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(1);
}
