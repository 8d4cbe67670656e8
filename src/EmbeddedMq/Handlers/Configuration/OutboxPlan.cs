namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Where messages are kept before they are sent, and how they are sent. Immutable.</summary>
internal sealed record OutboxPlan
{
    /// <summary>Makes the store, or <see langword="null"/> for the broker's own.</summary>
    public Func<IServiceProvider, IOutboxStore>? CreateStore { get; init; }

    /// <summary>How often a message is tried before it is given up.</summary>
    public int MaxAttempts { get; init; } = 10;

    /// <summary>The delays between attempts, before they are varied.</summary>
    public Backoff Backoff { get; init; } = Backoff.Exponential(TimeSpan.FromSeconds(1), max: TimeSpan.FromMinutes(5));

    /// <summary>How many messages are in hand at once.</summary>
    public int Window { get; init; } = 256;

    /// <summary>How long a taken message stays this relay's.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often the store is asked for what others have stored.</summary>
    public TimeSpan PollEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Is told of messages that were given up.</summary>
    public Func<OutboxEntry, IServiceProvider, CancellationToken, ValueTask>? OnFailed { get; init; }

    /// <summary>Whether this process sends what is stored.</summary>
    public bool HasRelay { get; init; } = true;
}
