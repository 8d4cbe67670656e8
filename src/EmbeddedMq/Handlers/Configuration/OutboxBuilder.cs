namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects where messages are kept before they are sent, and how they are sent.</summary>
/// <param name="plan">The plan so far.</param>
/// <param name="errors">Where mistakes are noted.</param>
internal sealed class OutboxBuilder(OutboxPlan plan, ConfigurationErrors errors) : IOutboxBuilder
{
    private const int MaxMaxAttempts = 1_000_000;
    private const int MaxWindow = 10_000;

    private static readonly TimeSpan MinLease = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxLease = TimeSpan.FromDays(1);
    private static readonly TimeSpan MinPoll = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan MaxPoll = TimeSpan.FromHours(1);

    /// <summary>The plan so far.</summary>
    public OutboxPlan Plan { get; private set; } = plan;

    /// <inheritdoc/>
    public IOutboxBuilder UseStore(Func<IServiceProvider, IOutboxStore> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        Plan = Plan with { CreateStore = create };
        return this;
    }

    /// <inheritdoc/>
    public IOutboxBuilder MaxAttempts(int attempts)
    {
        errors.CheckRange("The number of attempts of the outbox", attempts, 1, MaxMaxAttempts);
        Plan = Plan with { MaxAttempts = attempts };
        return this;
    }

    /// <inheritdoc/>
    public IOutboxBuilder Backoff(Backoff backoff)
    {
        ArgumentNullException.ThrowIfNull(backoff);
        Plan = Plan with { Backoff = backoff };
        return this;
    }

    /// <inheritdoc/>
    public IOutboxBuilder Window(int messages)
    {
        errors.CheckRange("The window of the outbox", messages, 1, MaxWindow);
        Plan = Plan with { Window = messages };
        return this;
    }

    /// <inheritdoc/>
    public IOutboxBuilder Lease(TimeSpan lease)
    {
        errors.CheckRange("The lease of the outbox", lease, MinLease, MaxLease);
        Plan = Plan with { Lease = lease };
        return this;
    }

    /// <inheritdoc/>
    public IOutboxBuilder PollEvery(TimeSpan interval)
    {
        errors.CheckRange("The polling interval of the outbox", interval, MinPoll, MaxPoll);
        Plan = Plan with { PollEvery = interval };
        return this;
    }

    /// <inheritdoc/>
    public IOutboxBuilder OnFailed(Func<OutboxEntry, IServiceProvider, CancellationToken, ValueTask> failed)
    {
        ArgumentNullException.ThrowIfNull(failed);
        Plan = Plan with { OnFailed = failed };
        return this;
    }

    /// <inheritdoc/>
    public IOutboxBuilder WithoutRelay()
    {
        Plan = Plan with { HasRelay = false };
        return this;
    }
}
