using EmbeddedMq.Diagnostics;
using EmbeddedMq.Threading;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Handlers.Consuming;

/// <summary>Renews the claims of one consumer while their handlers run: one timer for all of them.</summary>
/// <remarks>
/// <para>It ticks six times a lease and renews what has been held for two ticks: a claim is renewed before a third of its lease has passed, and when
/// that fails, at each tick after it. A handler that ends sooner, as nearly all do, costs a place in a list.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class ClaimRenewal : IAsyncDisposable
{
    private const int TicksPerLease = 6;
    private const int TicksToRenewal = 2;

    private readonly string _queue;
    private readonly ILogger _logger;
    private readonly ITimer _timer;

    // Guarded by _gate.
    private readonly Lock _gate = new();
    private HeldClaim? _first;
    private long _tick;

    /// <summary>Starts the timer.</summary>
    /// <param name="queue">The consumer's queue.</param>
    /// <param name="lease">How long a claim holds.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public ClaimRenewal(string queue, TimeSpan lease, TimeProvider time, ILogger logger)
    {
        _queue = queue;
        _logger = logger;
        TimeSpan period = lease / TicksPerLease;

        // Without the context of whoever starts the bus: its trace must not live on in the renewals.
        using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        _timer = time.CreateTimer(static renewal => ((ClaimRenewal)renewal!).Tick(), this, period, period);
    }

    /// <summary>Renews a claim from now on.</summary>
    /// <param name="claim">The claim.</param>
    public void Add(HeldClaim claim)
    {
        lock (_gate)
        {
            claim.RenewedAt = _tick;
            claim.Next = _first;
            if (_first is not null)
            {
                _first.Previous = claim;
            }

            _first = claim;
        }
    }

    /// <summary>Renews a claim no more, and waits for the renewal that is under way: stores are called by one at a time but for that. A second call does nothing.</summary>
    /// <param name="claim">The claim.</param>
    public ValueTask RemoveAsync(HeldClaim claim)
    {
        Task? renewing;
        lock (_gate)
        {
            Remove_NeedsGate(claim);
            renewing = claim.Renewing?.Task;
        }

        return renewing is null ? ValueTask.CompletedTask : new ValueTask(renewing);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Tick()
    {
        List<HeldClaim>? due = null;
        lock (_gate)
        {
            _tick++;
            for (HeldClaim? claim = _first; claim is not null; claim = claim.Next)
            {
                if (claim.Renewing is null && _tick - claim.RenewedAt >= TicksToRenewal)
                {
                    claim.Renewing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    (due ??= []).Add(claim);
                }
            }
        }

        for (int i = 0; i < due?.Count; i++)
        {
            // Waited for by RemoveAsync through the claim; they never fault. All but the last elsewhere: a store may block its caller.
            HeldClaim claim = due[i];
            _ = i < due.Count - 1 ? Detached.Run(() => RenewAsync(claim)) : RenewAsync(claim);
        }
    }

    private async Task RenewAsync(HeldClaim claim)
    {
        bool? isHeld = null;
        try
        {
            isHeld = await claim.Claim.RenewAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            // Tried again at the next tick, of which there are some before the lease is over.
            Log.ClaimNotRenewed(_logger, error, _queue, claim.Key.MessageId);
        }

        if (isHeld == false)
        {
            Log.ClaimLost(_logger, null, _queue, claim.Key.MessageId);
        }

        TaskCompletionSource done;
        lock (_gate)
        {
            done = claim.Renewing!;
            claim.Renewing = null;
            if (isHeld == true)
            {
                claim.RenewedAt = _tick;
            }
            else if (isHeld == false)
            {
                Remove_NeedsGate(claim);
            }
        }

        done.SetResult();
    }

    private void Remove_NeedsGate(HeldClaim claim)
    {
        if (claim.Previous is not null)
        {
            claim.Previous.Next = claim.Next;
        }
        else if (_first == claim)
        {
            _first = claim.Next;
        }
        else
        {
            return; // not in the list any more
        }

        if (claim.Next is not null)
        {
            claim.Next.Previous = claim.Previous;
        }

        (claim.Previous, claim.Next) = (null, null);
    }
}
