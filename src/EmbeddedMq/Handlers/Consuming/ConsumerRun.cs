namespace EmbeddedMq.Handlers.Consuming;

/// <summary>One run of a consumer, on one channel, from its first delivery to the end of its last handler.</summary>
/// <param name="site">What its messages have in common; its channel is closed when the run ends.</param>
/// <param name="consumer">The consumer on that channel.</param>
internal abstract class ConsumerRun(ConsumerSite site, IConsumer consumer)
{
    private int _cancelled;
    private volatile Task _stopTaking = Task.CompletedTask;

    /// <summary>The channel that deliveries are settled on.</summary>
    public IChannel Channel => site.Channel;

    /// <summary>Completes when nothing more is delivered to it, for whatever reason; handlers may still be running.</summary>
    public Task Ended => consumer.Ended;

    /// <summary>What its messages have in common.</summary>
    public ConsumerSite Site => site;

    /// <summary>How many deliveries are held and not being handled.</summary>
    public abstract int UnstartedCount { get; }

    /// <summary>How many handlers are running.</summary>
    public abstract int ActiveCount { get; }

    /// <summary>How many messages were given back unhandled when the run ended.</summary>
    public int ReturnedCount { get; private set; }

    /// <summary>Why the run ended, in words; empty while it goes on.</summary>
    public string EndReason { get; private set; } = "";

    /// <summary>Reads deliveries until the consumer ends or is cancelled by a stop, then waits for the handlers and closes the channel. Never throws.</summary>
    /// <param name="stopping">Begins no more handlers and cancels the consumer. What was received by then is read to its end, and so counted.</param>
    /// <returns>Why the consumer failed, or <see langword="null"/> when it ended without an error.</returns>
    public async Task<Exception?> RunAsync(CancellationToken stopping)
    {
        Exception? error = null;
        CancellationTokenRegistration registration = stopping.UnsafeRegister(static run => ((ConsumerRun)run!)._stopTaking = ((ConsumerRun)run).StopTakingAsync(), this);
        try
        {
            await foreach (Delivery delivery in consumer.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                await TakeAsync(delivery).ConfigureAwait(false);
            }
        }
        catch (Exception caught)
        {
            error = caught;
        }

        await registration.DisposeAsync().ConfigureAwait(false);
        await _stopTaking.ConfigureAwait(false);
        EndReason = await DescribeEndAsync(error).ConfigureAwait(false);

        // Cancelled before the handlers are waited for, so that the queue's other consumers get what comes meanwhile.
        error = await TryAsync(() => consumer.DisposeAsync(), error).ConfigureAwait(false);
        await CloseDispatcherAsync().ConfigureAwait(false);
        ReturnedCount = UnstartedCount + _cancelled;
        return await TryAsync(() => Channel.DisposeAsync(), error).ConfigureAwait(false);
    }

    /// <summary>Says in words why nothing more is delivered. Asked before consumer and channel are closed from this side, which would hide the reason.</summary>
    /// <param name="error">What the reading failed with, if it did.</param>
    public async ValueTask<string> DescribeEndAsync(Exception? error = null)
    {
        if (error is not null || Channel.CloseReason is not null)
        {
            return Channel.CloseReason?.ToString() ?? error!.Message;
        }

        return consumer.Ended.IsCompletedSuccessfully && await consumer.Ended.ConfigureAwait(false) == ConsumerEnd.QueueGone
            ? "the broker cancelled it because its queue is gone"
            : "it was cancelled";
    }

    /// <summary>Closes the channel under the handlers that did not end: their messages go back.</summary>
    public async ValueTask AbandonAsync()
    {
        _ = CloseDispatcherAsync(); // completes with the handlers, which nobody waits for any more; it never faults
        await TryAsync(() => Channel.DisposeAsync(), null).ConfigureAwait(false);
    }

    /// <summary>Notes that a handler was cancelled by the stop and its message stays unsettled.</summary>
    public void NoteCancelled() => Interlocked.Increment(ref _cancelled);

    /// <summary>Takes one delivery.</summary>
    /// <param name="delivery">The delivery.</param>
    protected abstract ValueTask TakeAsync(Delivery delivery);

    /// <summary>Begins no more handlers, and completes when those running have ended. Never faults.</summary>
    protected abstract Task CloseDispatcherAsync();

    // The consumer is cancelled at once, so that the broker sends nothing more while the handlers in flight end. Never throws.
    private async Task StopTakingAsync()
    {
        _ = CloseDispatcherAsync(); // waited for by RunAsync
        await TryAsync(() => consumer.CancelAsync(), null).ConfigureAwait(false);
    }

    private static async ValueTask<Exception?> TryAsync(Func<ValueTask> close, Exception? earlier)
    {
        try
        {
            await close().ConfigureAwait(false);
            return earlier;
        }
        catch (Exception error)
        {
            // The channel is gone either way; the first error tells why.
            return earlier ?? error;
        }
    }
}
