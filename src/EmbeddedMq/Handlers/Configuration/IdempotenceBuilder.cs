namespace EmbeddedMq.Handlers.Configuration;

/// <summary>Collects how processed messages are remembered.</summary>
/// <param name="plan">The plan so far.</param>
/// <param name="owner">The builder that it belongs to; it registers what is shared with handlers.</param>
/// <param name="errors">Where mistakes are noted.</param>
internal sealed class IdempotenceBuilder(IdempotencePlan plan, BusBuilder owner, ConfigurationErrors errors) : IIdempotenceBuilder
{
    /// <summary>The plan so far.</summary>
    public IdempotencePlan Plan { get; private set; } = plan;

    /// <inheritdoc/>
    public IIdempotenceBuilder UseStore(Func<IServiceProvider, IIdempotenceStore> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        Plan = Plan with { CreateStore = create };
        return this;
    }

    /// <inheritdoc/>
    public IIdempotenceBuilder Lease(TimeSpan lease)
    {
        errors.CheckRange("The lease of idempotent consumers", lease, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));
        Plan = Plan with { Lease = lease };
        return this;
    }

    /// <inheritdoc/>
    public IIdempotenceBuilder ShareWithHandlers<TService>(Func<IServiceProvider, TService> create)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(create);
        owner.ShareWithHandlers(create);
        return this;
    }
}
