namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Handles one delivery after the other on the reader itself: one handler, no order to keep, no wait in the consumer. No hand-over, so the fastest.</summary>
/// <typeparam name="T">What the bodies are read as.</typeparam>
/// <param name="process">Handles a delivery; gives the delay after which it is to be handled again, or <see langword="null"/> when done.</param>
/// <param name="time">The clock.</param>
/// <param name="stopping">Cuts a delay short.</param>
internal sealed class InlineDispatcher<T>(
    Func<WorkItem<T>, ValueTask<TimeSpan?>> process, TimeProvider time, CancellationToken stopping) : IDispatcher<T>
{
    private volatile bool _isClosed;
    private volatile int _active;
    private int _unstarted;

    /// <inheritdoc/>
    public int UnstartedCount => _unstarted;

    /// <inheritdoc/>
    public int ActiveCount => _active;

    /// <inheritdoc/>
    public ValueTask PostAsync(WorkItem<T> item)
    {
        if (_isClosed)
        {
            _unstarted++;
            return ValueTask.CompletedTask;
        }

        _active = 1;
        ValueTask<TimeSpan?> processing = process(item);
        if (!processing.IsCompletedSuccessfully)
        {
            return FinishAsync(processing, item);
        }

        if (processing.Result is { } again)
        {
            return FinishAsync(new ValueTask<TimeSpan?>(again), item);
        }

        _active = 0;
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public Task CloseAsync()
    {
        // The reader is the worker: when it comes to close, nothing is being handled; when a stop does, the reader's own end is waited for.
        _isClosed = true;
        return Task.CompletedTask;
    }

    private async ValueTask FinishAsync(ValueTask<TimeSpan?> processing, WorkItem<T> item)
    {
        while (await processing.ConfigureAwait(false) is { } delay)
        {
            await WaitAsync(delay).ConfigureAwait(false);
            if (_isClosed || stopping.IsCancellationRequested)
            {
                _unstarted++;
                break;
            }

            processing = process(item);
        }

        _active = 0;
    }

    private async ValueTask WaitAsync(TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, time, stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The stop: the delivery goes back unhandled.
        }
    }
}
