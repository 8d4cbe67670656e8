namespace EmbeddedMq.Handlers.Consuming;

/// <summary>The time that a stop leaves for handlers in flight; shared by all consumers of a broker.</summary>
/// <param name="timeout">How long they may take before they are cancelled.</param>
/// <param name="grace">How long they may take after that.</param>
/// <param name="time">The clock.</param>
/// <param name="giveUp">Cancels handlers at once: the host's own limit.</param>
internal sealed class StopBudget(TimeSpan timeout, TimeSpan grace, TimeProvider time, CancellationToken giveUp)
{
    private int _isOver;

    /// <summary>Raised once, when the first handler is cancelled because the time is over.</summary>
    public Action? Over { get; init; }

    /// <summary>Takes what the application's registrations with a cancelled token threw.</summary>
    public Action<Exception>? Failed { get; init; }

    /// <summary>Waits for a consumer's end, cancels its handlers when the time is over, and waits a little more.</summary>
    /// <param name="end">The consumer's end; never faults.</param>
    /// <param name="handlers">Cancels its handlers.</param>
    /// <returns>Whether it ended.</returns>
    public async ValueTask<bool> WaitAsync(Task end, CancellationTokenSource handlers)
    {
        if (await WaitAsync(end, timeout, giveUp).ConfigureAwait(false))
        {
            return true;
        }

        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            Over?.Invoke();
        }

        Cancel(handlers);
        return await WaitAsync(end, grace, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Cancels what the application has a token of, and does not wait for what it has registered there, which may block.</summary>
    /// <param name="source">What is to be cancelled.</param>
    public void Cancel(CancellationTokenSource source) => _ = CancelAsync(source); // never faults

    private async Task CancelAsync(CancellationTokenSource source)
    {
        try
        {
            await source.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException error)
        {
            Failed?.Invoke(error);
        }
    }

    private async ValueTask<bool> WaitAsync(Task end, TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            await end.WaitAsync(limit, time, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return end.IsCompleted;
        }
        catch (OperationCanceledException)
        {
            return end.IsCompleted;
        }
    }
}
