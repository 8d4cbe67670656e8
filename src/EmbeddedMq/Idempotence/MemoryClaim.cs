using EmbeddedMq.Errors;

namespace EmbeddedMq.Idempotence;

/// <summary>A claim that was granted by a <see cref="MemoryIdempotenceStore"/>.</summary>
/// <param name="marks">Where it holds.</param>
/// <param name="messageId">The message.</param>
/// <param name="fingerprint">Its fingerprint.</param>
/// <param name="leaseTicks">How long it holds, in the clock's timestamps.</param>
internal sealed class MemoryClaim(ScopeMarks marks, string messageId, Fingerprint fingerprint, long leaseTicks) : IIdempotenceClaim
{
    private bool _isEnded; // completed, failed or given up

    /// <inheritdoc/>
    public ClaimOutcome Outcome => ClaimOutcome.Claimed;

    /// <inheritdoc/>
    public TimeSpan RetryAfter => TimeSpan.Zero;

    /// <inheritdoc/>
    public bool TakesOutgoing => false;

    /// <summary>The message's id.</summary>
    public string MessageId => messageId;

    /// <summary>The message's fingerprint.</summary>
    public Fingerprint Fingerprint => fingerprint;

    /// <summary>How long it holds, in the clock's timestamps.</summary>
    public long LeaseTicks => leaseTicks;

    /// <summary>Until when it holds, as a timestamp of the clock. Guarded by the gate of its <see cref="ScopeMarks"/>.</summary>
    public long LeaseEnd { get; set; }

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
