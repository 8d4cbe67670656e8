using EmbeddedMq.Diagnostics;
using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.Threading;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Handlers.Outbox;

/// <summary>Notes in the store what became of messages, tells the application of those that were given up, and lets them go.</summary>
/// <remarks>
/// <code>
/// confirmed                         confirm, as many at once as there are
/// refused, attempts left            postpone with the reason, by the back-off varied by a quarter either way
/// refused for the last time         fail; then log, counter, callback
/// unreachable, not tried            postpone without a reason: the attempt does not count
/// the store fails                   the same again after a growing delay: a confirm until it is noted, the rest until the lease is over
/// </code>
/// <para><see cref="Post"/> is thread-safe. What is posted is bounded by the relay's window.</para>
/// </remarks>
internal sealed class OutboxNotes
{
    private readonly RelayServices _services;
    private readonly RelayWindow _window;
    private readonly CancellationToken _giveUp;
    private readonly CancellationToken _abandoned;
    private readonly Mailbox<(TakenMessage Taken, SendResult Result)> _results = new();
    private readonly Mailbox<OutboxEntry> _failed = new();
    private readonly Random _random; // used by the loop only
    private volatile string? _failure;

    /// <summary>Makes it; it does nothing yet.</summary>
    /// <param name="services">What it works with.</param>
    /// <param name="window">Counts what is in hand.</param>
    /// <param name="giveUp">Cancelled when the stop's time is over: a store that fails is not tried again.</param>
    /// <param name="abandoned">Cancelled when nobody waits for the store any more.</param>
    public OutboxNotes(RelayServices services, RelayWindow window, CancellationToken giveUp, CancellationToken abandoned)
    {
        _services = services;
        _window = window;
        _giveUp = giveUp;
        _abandoned = abandoned;
        _random = new Random(services.Options.RandomSeed ?? System.Security.Cryptography.RandomNumberGenerator.GetInt32(int.MaxValue));
    }

    /// <summary>Why nothing can be noted at the moment, or <see langword="null"/> while all is well.</summary>
    public string? Failure => _failure;

    /// <summary>Has noted what became of a message.</summary>
    /// <param name="taken">The message.</param>
    /// <param name="result">What became of it.</param>
    public void Post(TakenMessage taken, SendResult result) => _results.TryPostAndWake((taken, result));

    /// <summary>Lets it end when all that was posted is noted.</summary>
    public void Complete() => _results.Complete();

    /// <summary>Notes what is posted. Never faults.</summary>
    public async Task RunAsync()
    {
        Task telling = TellFailedAsync();
        List<OutboxEntry> confirmed = [];
        List<(TakenMessage Taken, SendResult Result)> others = [];
        while (await _results.WaitToTakeAsync(CancellationToken.None).ConfigureAwait(false))
        {
            // Everything that ended during the last call shares the next one: batches grow with the load.
            while (confirmed.Count + others.Count < _services.Plan.Window && _results.TryTake(out (TakenMessage Taken, SendResult Result) ended))
            {
                if (ended.Result.Outcome == SendOutcome.Confirmed)
                {
                    confirmed.Add(ended.Taken.Entry);
                }
                else
                {
                    others.Add(ended);
                }
            }

            await ConfirmAsync(confirmed).ConfigureAwait(false);
            confirmed.Clear();
            foreach ((TakenMessage taken, SendResult result) in others)
            {
                await NoteAsync(taken, result).ConfigureAwait(false);
            }

            others.Clear();
        }

        _failed.Complete();
        await telling.ConfigureAwait(false);
    }

    private async ValueTask ConfirmAsync(List<OutboxEntry> entries)
    {
        if (entries.Count == 0)
        {
            return;
        }

        // However late: the store knows by the token whether it still counts.
        if (await TryAsync(store => store.ConfirmAsync(entries, _abandoned), entries.Count, static () => false).ConfigureAwait(false))
        {
            OutboxTelemetry.Confirmed.Add(_services.Broker, entries.Count);
        }

        _window.Release(entries.Count);
    }

    private async ValueTask NoteAsync(TakenMessage taken, SendResult result)
    {
        OutboxEntry entry = taken.Entry;
        if (result.Outcome == SendOutcome.Refused && entry.Attempts >= _services.Plan.MaxAttempts)
        {
            if (await TryAsync(store => store.FailAsync(entry, result.Reason, _abandoned), 1, () => taken.Batch.IsLeaseOver).ConfigureAwait(false))
            {
                Log.OutboxMessageFailed(_services.Logger, _services.Broker, entry.Message.Id, entry.Attempts, result.Reason);
                OutboxTelemetry.Failed.Add(_services.Broker);
                if (_services.Plan.OnFailed is not null)
                {
                    // It stays in the window until the application has been told, which bounds how many wait for that.
                    _failed.TryPostAndWake(entry with { Status = OutboxStatus.Failed, LastError = result.Reason, ChangedAt = _services.Time.GetUtcNow(), Token = null });
                    return;
                }
            }
        }
        else
        {
            string? error = result.Outcome == SendOutcome.Refused ? result.Reason : null;
            TimeSpan delay = error is null ? TimeSpan.Zero : Vary(_services.Plan.Backoff.GetDelay(entry.Attempts));
            if (error is not null)
            {
                Log.OutboxSendFailed(_services.Logger, _services.Broker, entry.Message.Id, entry.Attempts, error, delay);
            }

            await TryAsync(store => store.PostponeAsync(entry, error, delay, _abandoned), 1, () => taken.Batch.IsLeaseOver).ConfigureAwait(false);
        }

        _window.Release(1);
    }

    // So that messages which failed together do not all come back together.
    private TimeSpan Vary(TimeSpan delay) => delay * (0.75 + (_random.NextDouble() / 2));

    private async ValueTask<bool> TryAsync(Func<IOutboxStore, ValueTask> call, int messages, Func<bool> isPointless)
    {
        RestartDelays? delays = null;
        while (true)
        {
            try
            {
                await call(_services.Source.Current).ConfigureAwait(false);
                _failure = null;
                return true;
            }
            catch (Exception error)
            {
                if (_giveUp.IsCancellationRequested || isPointless())
                {
                    Log.OutboxNoteLost(_services.Logger, error, _services.Broker, messages);
                    return false;
                }

                _failure = error.Message;
                TimeSpan delay = (delays ??= new RestartDelays(_services.Options, _services.Time)).Next();
                Log.OutboxStoreFailed(_services.Logger, error, _services.Broker, delay);
                await Task.Delay(delay, _services.Time, _giveUp).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task TellFailedAsync()
    {
        while (await _failed.WaitToTakeAsync(CancellationToken.None).ConfigureAwait(false))
        {
            while (_failed.TryTake(out OutboxEntry? entry))
            {
                try
                {
                    await TellAsync(entry).ConfigureAwait(false);
                }
                catch (Exception error)
                {
                    Log.OutboxCallbackFailed(_services.Logger, error, _services.Broker, entry.Message.Id);
                }

                _window.Release(1);
            }
        }
    }

    private async ValueTask TellAsync(OutboxEntry entry)
    {
        if (_services.Services.GetService<IServiceScopeFactory>() is not { } scopes)
        {
            await _services.Plan.OnFailed!(entry, _services.Services, _giveUp).ConfigureAwait(false);
            return;
        }

        AsyncServiceScope scope = scopes.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            await _services.Plan.OnFailed!(entry, scope.ServiceProvider, _giveUp).ConfigureAwait(false);
        }
    }
}
