using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Consumes one queue of messages of one type.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
internal sealed class ConsumerEndpoint<T> : ConsumerEndpoint
{
    private readonly ConsumerPlan<T> _plan;
    private readonly ConsumerServices _services;
    private readonly ClaimRenewal? _renewal;
    private readonly MessagePipeline<T> _pipeline;

    /// <summary>Makes a consumer that does not run yet.</summary>
    /// <param name="plan">How the queue is consumed.</param>
    /// <param name="services">What it works with.</param>
    public ConsumerEndpoint(ConsumerPlan<T> plan, ConsumerServices services)
        : base(plan, services)
    {
        _plan = plan;
        _services = services;
        _renewal = plan.IsIdempotent ? new ClaimRenewal(plan.Queue, services.Marks.Lease, services.Time, services.Logger) : null;
        _pipeline = new MessagePipeline<T>(plan, services, Forwarder, _renewal, Stopping, HandlersCancelled);
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (_renewal is not null)
        {
            // A handler that was left behind keeps its claim until its lease is over.
            await _renewal.DisposeAsync().ConfigureAwait(false);
        }

        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override ConsumerRun CreateRun(IChannel channel, IConsumer consumer)
        => new ConsumerRun<T>(channel, consumer, _plan, _pipeline, _services.Time, Stopping);
}
