using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Consumes one queue of messages of one type.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
internal sealed class ConsumerEndpoint<T> : ConsumerEndpoint
{
    private readonly ConsumerPlan<T> _plan;
    private readonly ConsumerServices _services;
    private readonly MessagePipeline<T> _pipeline;

    /// <summary>Makes a consumer that does not run yet.</summary>
    /// <param name="plan">How the queue is consumed.</param>
    /// <param name="services">What it works with.</param>
    public ConsumerEndpoint(ConsumerPlan<T> plan, ConsumerServices services)
        : base(plan, services)
    {
        _plan = plan;
        _services = services;
        _pipeline = new MessagePipeline<T>(plan, services, Forwarder, Stopping, HandlersCancelled);
    }

    /// <inheritdoc/>
    protected override ConsumerRun CreateRun(IChannel channel, IConsumer consumer)
        => new ConsumerRun<T>(channel, consumer, _plan, _pipeline, _services.Time, Stopping);
}
