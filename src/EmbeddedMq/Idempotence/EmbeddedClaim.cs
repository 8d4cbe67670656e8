using EmbeddedMq.Channels;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Idempotence;

/// <summary>A claim that was granted by an <see cref="EmbeddedIdempotenceStore"/>.</summary>
/// <remarks>Thread-safe. While it is being completed it can be neither taken over nor given up: nobody knows yet whether the message is processed.</remarks>
internal sealed class EmbeddedClaim : IIdempotenceClaim
{
    // Whoever is told that it is busy asks again after as long as it has been held, and not sooner than this.
    private static readonly TimeSpan ShortestRetry = TimeSpan.FromMilliseconds(20);

    private readonly EmbeddedIdempotenceStore _store;
    private readonly ClaimRequest _request;
    private readonly long _begin;
    private readonly Lock _gate = new();
    private long _leaseBegin;  // guarded by _gate
    private Phase _phase;      // guarded by _gate
    private bool _isDisposed;  // guarded by _gate

    /// <summary>Makes it; the store decides whether it is granted.</summary>
    /// <param name="store">The store.</param>
    /// <param name="request">The request.</param>
    /// <param name="receiptKey">The message, as receipts know it.</param>
    /// <param name="channel">The channel of the store's own broker that the delivery came on, or <see langword="null"/>.</param>
    internal EmbeddedClaim(EmbeddedIdempotenceStore store, ClaimRequest request, UInt128 receiptKey, Channel? channel)
    {
        _store = store;
        _request = request;
        ReceiptKey = receiptKey;
        Channel = channel;
        TakesOutgoing = channel is not null || store.IsRelayed;
        ClaimedAt = store.Time.GetUtcNow();
        _begin = _leaseBegin = store.Time.GetTimestamp();
    }

    private enum Phase
    {
        Held,
        Ending,
        Ended,
        Lost,
    }

    /// <inheritdoc/>
    public ClaimOutcome Outcome => ClaimOutcome.Claimed;

    /// <inheritdoc/>
    public TimeSpan RetryAfter => TimeSpan.Zero;

    /// <inheritdoc/>
    public bool TakesOutgoing { get; }

    /// <summary>The message.</summary>
    internal IdempotenceKey Key => _request.Key;

    /// <summary>The message, as receipts know it.</summary>
    internal UInt128 ReceiptKey { get; }

    /// <summary>The channel that its delivery came on, if that is one of the store's own broker.</summary>
    internal Channel? Channel { get; }

    /// <summary>The delivery on that channel, if it is known.</summary>
    internal ulong? DeliveryTag => Channel is null ? null : _request.Context?.Delivery.DeliveryTag;

    /// <summary>When it was granted.</summary>
    internal DateTimeOffset ClaimedAt { get; }

    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_phase is not (Phase.Held or Phase.Ending) || !_store.IsHeld(this))
            {
                return new ValueTask<bool>(false);
            }

            _leaseBegin = _store.Time.GetTimestamp();
            return new ValueTask<bool>(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(outgoing);
        if (outgoing.Count > 0 && !TakesOutgoing)
        {
            throw MqErrors.OutgoingNotTaken(outgoing.Count);
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (!TryBeginToEnd())
        {
            throw new ClaimLostException(Key);
        }

        // The token ends the wait for room. What is being stored is waited for: it acknowledges the delivery, and whoever did not
        // hear of that would acknowledge it a second time, for which the broker closes the channel.
        return new ValueTask<bool>(EndAsync(IdempotenceState.Processed, outgoing, cancellationToken));
    }

    /// <inheritdoc/>
    public async ValueTask FailAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (TryBeginToEnd())
        {
            await EndAsync(IdempotenceState.Failed, [], CancellationToken.None).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isDisposed = true;
            if (_phase == Phase.Held)
            {
                _phase = Phase.Ended;
                _store.TryRemove(this);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Lets another have the message if the lease is over.</summary>
    /// <param name="retryAfter">If not, after how long asking again makes sense.</param>
    internal bool TryGetTakenOver(out TimeSpan retryAfter)
    {
        lock (_gate)
        {
            TimeSpan rest = _request.Lease - _store.Time.GetElapsedTime(_leaseBegin);
            TimeSpan held = _store.Time.GetElapsedTime(_begin);
            retryAfter = held < ShortestRetry ? ShortestRetry : held;
            retryAfter = rest > TimeSpan.Zero && rest < retryAfter ? rest : retryAfter;
            if (_phase == Phase.Ending)
            {
                retryAfter = ShortestRetry < _request.Lease ? ShortestRetry : _request.Lease;
                return false;
            }

            if (_phase == Phase.Held && rest <= TimeSpan.Zero)
            {
                _phase = Phase.Lost;
            }

            return _phase != Phase.Held;
        }
    }

    // One that was lost to somebody who has given it up since may still be ended: nobody has the message or has processed it.
    private bool TryBeginToEnd()
    {
        lock (_gate)
        {
            bool begins = _phase is Phase.Held or Phase.Lost && _store.TryHold(this);
            _phase = begins ? Phase.Ending : _phase;
            return begins;
        }
    }

    private async Task<bool> EndAsync(IdempotenceState state, IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken)
    {
        bool ended = false;
        try
        {
            bool acknowledged = await _store.CommitAsync(this, state, outgoing, cancellationToken).ConfigureAwait(false);
            ended = true;
            return acknowledged;
        }
        finally
        {
            lock (_gate)
            {
                _phase = ended || _isDisposed ? Phase.Ended : Phase.Held;
                if (_phase == Phase.Ended)
                {
                    _store.TryRemove(this);
                }
            }
        }
    }
}
