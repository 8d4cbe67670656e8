using EmbeddedMq.Errors;

namespace EmbeddedMq.Idempotence;

/// <summary>A claim that was granted by a <see cref="MemoryIdempotenceStore"/>.</summary>
/// <param name="marks">Where it holds.</param>
/// <param name="key">The message, as <see cref="ScopeMarks"/> knows it.</param>
/// <param name="request">What was asked for.</param>
/// <param name="at">When it was granted, as a timestamp of the clock.</param>
/// <param name="leaseTicks">How long it holds, in the clock's timestamps.</param>
internal sealed class MemoryClaim(ScopeMarks marks, UInt128 key, ClaimRequest request, long at, long leaseTicks) : IIdempotenceClaim
{
    private bool _isEnded; // completed, failed or given up

    /// <inheritdoc/>
    public ClaimOutcome Outcome => ClaimOutcome.Claimed;

    /// <inheritdoc/>
    public TimeSpan RetryAfter => TimeSpan.Zero;

    /// <inheritdoc/>
    public bool TakesOutgoing => false;

    /// <summary>The message, as <see cref="ScopeMarks"/> knows it.</summary>
    public UInt128 Key => key;

    /// <summary>The message.</summary>
    public IdempotenceKey Message => request.Key;

    /// <summary>When it was granted, as a timestamp of the clock.</summary>
    public long At => at;

    /// <summary>How long it holds, in the clock's timestamps.</summary>
    public long LeaseTicks => leaseTicks;

    /// <summary>Until when it holds, as a timestamp of the clock. Guarded by the gate of its <see cref="ScopeMarks"/>.</summary>
    public long LeaseEnd { get; set; } = at + leaseTicks;

    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(CancellationToken cancellationToken = default) => new(marks.Renew(this));

    /// <inheritdoc/>
    public ValueTask<bool> CompleteAsync(IReadOnlyList<OutboxMessage> outgoing, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(outgoing);
        if (outgoing.Count > 0)
        {
            throw MqErrors.OutgoingNotTaken(outgoing.Count);
        }

        marks.Complete(this);
        _isEnded = true;
        return new ValueTask<bool>(false);
    }

    /// <inheritdoc/>
    public ValueTask FailAsync(CancellationToken cancellationToken = default)
    {
        marks.Fail(this);
        _isEnded = true;
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        if (!_isEnded)
        {
            _isEnded = true;
            marks.GiveUp(this);
        }

        return ValueTask.CompletedTask;
    }
}
