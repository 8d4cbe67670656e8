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

        await CancelAsync(handlers).ConfigureAwait(false);
        return await WaitAsync(end, grace, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Cancels what the application has a token of. What it has registered there may throw, which is reported, or block, which is waited for a little.</summary>
    /// <param name="source">What is to be cancelled.</param>
    /// <remarks>That little is of real time: what runs is the application's code, however fast a virtual clock goes.</remarks>
    public async ValueTask CancelAsync(CancellationTokenSource source)
        => await RunRegisteredAsync(source).WaitAsync(grace, TimeProvider.System).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task RunRegisteredAsync(CancellationTokenSource source)
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
