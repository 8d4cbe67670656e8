using EmbeddedMq.Diagnostics;
using EmbeddedMq.Handlers.Configuration;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Consumes one queue from start to stop: starts the consumer again with a growing delay when it or its channel was lost.</summary>
/// <remarks>
/// <para>Each run has a channel of its own. A run that ended waits for its handlers before the next begins, so that a message which the
/// broker delivers again never runs beside its first delivery, and keys stay in order.</para>
/// <para>Thread-safe. Started once.</para>
/// </remarks>
internal abstract class ConsumerEndpoint : IAsyncDisposable
{
    private readonly ConsumerPlan _plan;
    private readonly ConsumerServices _services;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _handlersCancelled = new();
    private readonly Lock _gate = new();
    private Task? _loop;               // guarded by _gate
    private ConsumerRun? _run;         // guarded by _gate; the last one
    private volatile string? _failure; // why it is not consuming now

    /// <summary>Makes a consumer that does not run yet.</summary>
    /// <param name="plan">How the queue is consumed.</param>
    /// <param name="services">What it works with.</param>
    protected ConsumerEndpoint(ConsumerPlan plan, ConsumerServices services)
    {
        _plan = plan;
        _services = services;
        Forwarder = new Forwarder(plan, services);
    }

    /// <summary>The queue.</summary>
    public string Queue => _plan.Queue;

    /// <summary>Why it is not consuming at the moment, or <see langword="null"/> while all is well.</summary>
    public string? Failure => _failure;

    /// <summary>Sends copies to retry and dead-letter queues.</summary>
    protected Forwarder Forwarder { get; }

    /// <summary>Cancelled when handlers in flight are to give up.</summary>
    protected CancellationToken HandlersCancelled => _handlersCancelled.Token;

    /// <summary>Cancelled when nothing more is to begin.</summary>
    protected CancellationToken Stopping => _stopping.Token;

    /// <summary>Starts consuming. Completes when the broker has taken the consumer.</summary>
    /// <param name="cancellationToken">Gives up the start.</param>
    /// <exception cref="EmbeddedMqException">The queue does not exist or cannot be consumed.</exception>
    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        ConsumerRun run = await BeginRunAsync(either.Token).ConfigureAwait(false);
        lock (_gate)
        {
            _run = run;
            _loop = Detached.Run(() => LoopAsync(run));
        }
    }

    /// <summary>Stops taking messages, waits for the handlers in flight, and gives back the rest.</summary>
    /// <param name="budget">How long handlers may take.</param>
    /// <returns>What was given back and left behind. The queue's own count is not known here.</returns>
    public async ValueTask<ConsumerStopReport> StopAsync(StopBudget budget)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        (Task? loop, ConsumerRun? run) = Current();
        if (loop is null || run is null)
        {
            return new ConsumerStopReport(Queue, 0, 0, 0);
        }

        if (await budget.WaitAsync(loop, _handlersCancelled).ConfigureAwait(false))
        {
            // The loop may have begun another run just before it saw the stop.
            return new ConsumerStopReport(Queue, Current().Run!.ReturnedCount, 0, 0);
        }

        int abandoned = run.ActiveCount;
        await run.AbandonAsync().ConfigureAwait(false);
        return new ConsumerStopReport(Queue, run.UnstartedCount, abandoned, 0);
    }

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        await Forwarder.DisposeAsync().ConfigureAwait(false);

        // The token sources are left to the collector: a handler that was left behind may still look at them.
    }

    /// <summary>Makes what handles the deliveries of one run.</summary>
    /// <param name="channel">The run's channel.</param>
    /// <param name="consumer">The run's consumer.</param>
    protected abstract ConsumerRun CreateRun(IChannel channel, IConsumer consumer);

    private (Task? Loop, ConsumerRun? Run) Current()
    {
        lock (_gate)
        {
            return (_loop, _run);
        }
    }

    private async ValueTask<ConsumerRun> BeginRunAsync(CancellationToken cancellationToken)
    {
        IConnection connection = await _services.ConsumeConnection.GetAsync(cancellationToken).ConfigureAwait(false);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        try
        {
            ConsumerOptions options = new()
            {
                ConsumerTag = _plan.Tag,
                Exclusive = _plan.Exclusive,
                PrefetchCount = _plan.EffectivePrefetch,
                Priority = _plan.Priority,
            };
            IConsumer consumer = await channel.StartConsumerAsync(_plan.Queue, options, cancellationToken).ConfigureAwait(false);
            Log.ConsumerStarted(_services.Logger, Queue, _plan.Concurrency, _plan.EffectivePrefetch);
            _failure = null;
            return CreateRun(channel, consumer);
        }
        catch
        {
            await channel.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task LoopAsync(ConsumerRun first)
    {
        RestartDelays delays = new(_services.Options, _services.Time);
        ConsumerRun? run = first;
        while (run is not null)
        {
            delays.RunBegins();
            Exception? error = await RunAsync(run).ConfigureAwait(false);
            if (_stopping.IsCancellationRequested)
            {
                return;
            }

            delays.RunEnds();
            _failure = run.EndReason;
            TimeSpan delay = delays.Next();
            Log.ConsumerLost(_services.Logger, error, Queue, run.EndReason, delay);
            run = await RestartAsync(delay, delays).ConfigureAwait(false);
        }
    }

    // A run that was lost ends with its last handler. Nothing is consumed until then, which is to be seen: one that never ends would end all with it.
    private async Task<Exception?> RunAsync(ConsumerRun run)
    {
        Task<Exception?> running = run.RunAsync(_stopping.Token);
        await Task.WhenAny(running, run.Ended).ConfigureAwait(false);
        if (running.IsCompleted || _stopping.IsCancellationRequested)
        {
            return await running.ConfigureAwait(false);
        }

        // Where it ended by itself, it has closed its consumer, and knows why.
        string reason = _failure = run.EndReason.Length > 0 ? run.EndReason : await run.DescribeEndAsync().ConfigureAwait(false);
        try
        {
            return await running.WaitAsync(_services.Options.MaxRestartDelay, _services.Time, _stopping.Token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Log.HandlersOutliveConsumer(_services.Logger, Queue, reason, run.ActiveCount);
        }
        catch (OperationCanceledException)
        {
            // The stop, which has its own patience.
        }

        return await running.ConfigureAwait(false);
    }

    // Gives null when the stop came first.
    private async ValueTask<ConsumerRun?> RestartAsync(TimeSpan delay, RestartDelays delays)
    {
        while (true)
        {
            try
            {
                await Task.Delay(delay, _services.Time, _stopping.Token).ConfigureAwait(false);
                _services.Telemetry.RecordRestart(Queue);
                await _services.DeclareTopologyAsync(_stopping.Token).ConfigureAwait(false);
                ConsumerRun run = await BeginRunAsync(_stopping.Token).ConfigureAwait(false);
                lock (_gate)
                {
                    _run = run;
                }

                return run;
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return null;
            }
            catch (Exception error)
            {
                if (_stopping.IsCancellationRequested)
                {
                    return null;
                }

                _failure = error.Message;
                delay = delays.Next();
                Log.ConsumerRestartFailed(_services.Logger, error, Queue, delay);
            }
        }
    }
}
