using EmbeddedMq.Handlers.Configuration;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>One run of a consumer: reads the deliveries and hands them to a dispatcher.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
internal sealed class ConsumerRun<T> : ConsumerRun
{
    private readonly ConsumerPlan<T> _plan;
    private readonly MessagePipeline<T> _pipeline;
    private readonly IDispatcher<T> _dispatcher;

    /// <summary>Makes a run that has not begun.</summary>
    /// <param name="channel">The channel; closed when the run ends.</param>
    /// <param name="consumer">The consumer on it.</param>
    /// <param name="plan">How the queue is consumed.</param>
    /// <param name="pipeline">Handles a delivery.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stopping">Cancelled when nothing more is to begin.</param>
    public ConsumerRun(IChannel channel, IConsumer consumer, ConsumerPlan<T> plan, MessagePipeline<T> pipeline, TimeProvider time, CancellationToken stopping)
        : base(pipeline.SiteOf(channel), consumer)
    {
        _plan = plan;
        _pipeline = pipeline;
        _dispatcher = plan is { Concurrency: 1, KeepsKeyOrder: false, Retry.Wait: not RetryWait.Consumer }
            ? new InlineDispatcher<T>(item => pipeline.ProcessAsync(this, item), time, stopping)
            : new LaneDispatcher<T>(plan.Concurrency, item => pipeline.ProcessAsync(this, item), time);
    }

    /// <inheritdoc/>
    public override int UnstartedCount => _dispatcher.UnstartedCount;

    /// <inheritdoc/>
    public override int ActiveCount => _dispatcher.ActiveCount;

    /// <inheritdoc/>
    protected override ValueTask TakeAsync(Delivery delivery)
    {
        WorkItem<T> item = new(delivery, FailedAttemptsOf(delivery));
        if (_plan.KeyOf is not null)
        {
            // The key is in the body, so the reader has to read it; without keys the workers do, in parallel.
            _pipeline.Read(item);
        }

        return _dispatcher.PostAsync(item);
    }

    /// <inheritdoc/>
    protected override Task CloseDispatcherAsync() => _dispatcher.CloseAsync();

    private static int FailedAttemptsOf(in Delivery delivery)
        => HeaderTable.TryGetInteger(delivery.Message.Headers.GetValueOrDefault(MessageHeaders.FailedAttempts), out long attempts)
            ? (int)Math.Clamp(attempts, 0, int.MaxValue - 1)
            : 0;
}
