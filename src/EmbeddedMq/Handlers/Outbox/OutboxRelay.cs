using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Diagnostics;
using EmbeddedMq.Handlers.Consuming;
using EmbeddedMq.Threading;

namespace EmbeddedMq.Handlers.Outbox;

/// <summary>Sends what an outbox holds, from start to stop: takes messages, publishes them, and has the outcome noted.</summary>
/// <remarks>
/// <code>
/// store ─► take (one loop) ─► send (window: several at once; of one order key one after the other) ─► note (one loop) ─► store
/// </code>
/// <para>What is in hand never exceeds the window. A message that is not confirmed within three quarters of its lease counts as refused; what is held
/// longer than the lease is dropped from memory, for by then it is somebody else's.</para>
/// <para>Thread-safe. Started once.</para>
/// </remarks>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "It is; the token sources are left to the collector, for what was left behind may still look at them.")]
internal sealed class OutboxRelay : IAsyncDisposable
{
    private readonly RelayServices _services;
    private readonly OutboxSender _sender;
    private readonly RelayWindow _window;
    private readonly OutboxNotes _notes;
    private readonly CancellationTokenSource _stopping = new();  // take nothing more, begin to send nothing more
    private readonly CancellationTokenSource _giveUp = new();    // wait for no confirm
    private readonly CancellationTokenSource _abandoned = new(); // wait for no store
    private readonly Lock _gate = new();
    private Task? _running;           // guarded by _gate
    private RestartDelays? _pauses;   // guarded by _gate; while the broker cannot be reached
    private long _pauseBegun;         // guarded by _gate
    private TimeSpan _pause;          // guarded by _gate; zero while nothing keeps it from sending
    private volatile string? _unreachable;
    private volatile string? _storeFailure;

    /// <summary>Makes a relay that does not run yet.</summary>
    /// <param name="services">What it works with.</param>
    public OutboxRelay(RelayServices services)
    {
        _services = services;
        _sender = new OutboxSender(services.Connection, services.Broker, services.Time, services.Telemetry);
        _window = new RelayWindow(services.Plan.Window);
        _notes = new OutboxNotes(services, _window, _giveUp.Token, _abandoned.Token);
    }

    /// <summary>Why it is not sending at the moment, or <see langword="null"/> while all is well.</summary>
    public string? Failure => _storeFailure ?? _notes.Failure ?? _unreachable;

    /// <summary>Begins to send.</summary>
    public void Start()
    {
        lock (_gate)
        {
            _running = Detached.Run(RunAsync);
        }
    }

    /// <summary>Takes nothing more, waits for outstanding confirms while there is time, and gives back the rest.</summary>
    /// <param name="budget">How long that may take.</param>
    public async ValueTask StopAsync(StopBudget budget)
    {
        await budget.CancelAsync(_stopping).ConfigureAwait(false);
        Task? running;
        lock (_gate)
        {
            running = _running;
        }

        if (running is not null && !await budget.WaitAsync(running, _giveUp).ConfigureAwait(false))
        {
            Log.OutboxLeftBehind(_services.Logger, _services.Broker, _window.Held);
        }

        await budget.CancelAsync(_abandoned).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _sender.DisposeAsync();

    private async Task RunAsync()
    {
        Task noting = _notes.RunAsync();
        await TakeAsync().ConfigureAwait(false);
        await _window.WaitUntilEmptyAsync().ConfigureAwait(false);
        _notes.Complete();
        await noting.ConfigureAwait(false);
    }

    private async Task TakeAsync()
    {
        RestartDelays? delays = null;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await PauseAsync().ConfigureAwait(false);
                int room = await _window.WaitForRoomAsync(_stopping.Token).ConfigureAwait(false);
                IOutboxStore store = await _services.Source.GetAsync(_stopping.Token).ConfigureAwait(false);
                long asked = _services.Time.GetTimestamp();

                // Not ended by the stop: what the store has given out by then would be nobody's until its lease is over.
                IReadOnlyList<OutboxEntry> entries = await store.TakeAsync(room, _services.Plan.Lease, _abandoned.Token).ConfigureAwait(false);
                delays = null;
                _storeFailure = null;
                Begin(entries, asked);
                if (entries.Count < room)
                {
                    await store.WaitAsync(_services.Plan.PollEvery, _stopping.Token).ConfigureAwait(false);
                }
            }
            catch (Exception) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                _storeFailure = error.Message;
                TimeSpan delay = (delays ??= new RestartDelays(_services.Options, _services.Time)).Next();
                Log.OutboxStoreFailed(_services.Logger, error, _services.Broker, delay);
                await WaitAsync(delay).ConfigureAwait(false);
            }
        }
    }

    // Ends early with the stop.
    private async ValueTask WaitAsync(TimeSpan delay)
        => await Task.Delay(delay, _services.Time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async ValueTask PauseAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            TimeSpan rest;
            lock (_gate)
            {
                rest = _pause - _services.Time.GetElapsedTime(_pauseBegun);
            }

            if (rest <= TimeSpan.Zero)
            {
                return;
            }

            await WaitAsync(rest).ConfigureAwait(false);
        }
    }

    private void Begin(IReadOnlyList<OutboxEntry> entries, long asked)
    {
        if (entries.Count == 0)
        {
            return;
        }

        _window.Take(entries.Count);
        TakenBatch batch = new(entries.Count, asked, _services.Plan.Lease, _services.Time, _giveUp.Token);
        Dictionary<string, List<OutboxEntry>>? keys = null;
        foreach (OutboxEntry entry in entries)
        {
            if (entry.Message.OrderKey is not { } key)
            {
                _ = SendAsync(new TakenMessage(entry, batch)); // never faults; counted by the window
                continue;
            }

            keys ??= new Dictionary<string, List<OutboxEntry>>(StringComparer.Ordinal);
            if (keys.TryGetValue(key, out List<OutboxEntry>? ofKey))
            {
                ofKey.Add(entry);
            }
            else
            {
                keys.Add(key, [entry]);
            }
        }

        foreach (List<OutboxEntry> ofKey in keys?.Values ?? Enumerable.Empty<List<OutboxEntry>>())
        {
            _ = SendInOrderAsync(ofKey, batch); // never faults; counted by the window
        }
    }

    // None before the one ahead of it was confirmed: those behind one that was not go back with it.
    private async Task SendInOrderAsync(List<OutboxEntry> entries, TakenBatch batch)
    {
        bool isHeldBack = false;
        foreach (OutboxEntry entry in entries)
        {
            TakenMessage taken = new(entry, batch);
            if (isHeldBack)
            {
                End(taken, SendResult.NotTried);
            }
            else
            {
                isHeldBack = !await SendAsync(taken).ConfigureAwait(false);
            }
        }
    }

    private async Task<bool> SendAsync(TakenMessage taken)
    {
        TakenBatch batch = taken.Batch;
        SendResult result = _stopping.IsCancellationRequested || IsPaused() || batch.Token.IsCancellationRequested
            ? SendResult.NotTried
            : await SendInTimeAsync(taken.Entry.Message, batch).ConfigureAwait(false);
        if (result.Outcome == SendOutcome.Unreachable)
        {
            BeginPause(result.Reason);
        }
        else if (result.Outcome != SendOutcome.NotTried)
        {
            EndPause();
        }

        End(taken, result);
        return result.Outcome == SendOutcome.Confirmed;
    }

    private async ValueTask<SendResult> SendInTimeAsync(OutboxMessage message, TakenBatch batch)
    {
        SendResult result = await _sender.SendAsync(message, batch.Token).ConfigureAwait(false);
        if (!batch.IsTimeOver || _giveUp.IsCancellationRequested)
        {
            return result.Outcome == SendOutcome.Unanswered ? SendResult.NotTried : result;
        }

        return result.Outcome switch
        {
            SendOutcome.Unanswered => _services.Connection.BlockedReason is { } blocked
                ? new SendResult(SendOutcome.Unreachable, $"The broker makes publishers wait: {blocked}.")
                : new SendResult(SendOutcome.Refused, $"No confirm came within {batch.SendingTime}."),

            // It waited for the connection. Where that is open it waited for its turn, and is taken again at once.
            SendOutcome.NotTried when !_services.Connection.IsOpen => new SendResult(SendOutcome.Unreachable, $"The broker does not answer: no connection came within {batch.SendingTime}."),
            _ => result,
        };
    }

    private void End(TakenMessage taken, SendResult result)
    {
        taken.Batch.EndOne();
        _notes.Post(taken, result);
    }

    private bool IsPaused()
    {
        lock (_gate)
        {
            return IsPaused_NeedsGate();
        }
    }

    private bool IsPaused_NeedsGate() => _pause > _services.Time.GetElapsedTime(_pauseBegun);

    private void BeginPause(string reason)
    {
        TimeSpan pause;
        lock (_gate)
        {
            // The window fails as one: the first of it begins the pause.
            if (IsPaused_NeedsGate())
            {
                return;
            }

            _pauses ??= new RestartDelays(_services.Options, _services.Time);
            pause = _pause = _pauses.Next();
            _pauseBegun = _services.Time.GetTimestamp();
            _unreachable = reason;
        }

        Log.OutboxBrokerUnreachable(_services.Logger, _services.Broker, reason, pause);
    }

    private void EndPause()
    {
        if (_unreachable is null)
        {
            return;
        }

        lock (_gate)
        {
            _pauses = null;
            _pause = TimeSpan.Zero;
            _unreachable = null;
        }
    }
}
