using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EmbeddedMq.Idempotence;

/// <summary>What is known of the messages of one scope: which are claimed, processed or failed.</summary>
/// <remarks>
/// <para>A scope is a queue as a rule, and has its own gate as a queue has. A mark is a value in the table, so that a remembered message costs no object
/// but its id.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class ScopeMarks
{
    // Stands where a claim would: the message failed and nobody has it.
    private static readonly object Failed = new();

    private readonly string _scope;
    private readonly int _maxMessages;
    private readonly TimeProvider _time;
    private readonly long _retentionTicks; // of the clock's timestamps

    // Guarded by _gate.
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Mark> _marks = [];
    private readonly Queue<Ended> _ended = new(); // the oldest first; a message that failed and ended again is in it twice

    /// <summary>Makes an empty one.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="retention">How long an ended message is remembered.</param>
    /// <param name="maxMessages">How many ended messages are remembered.</param>
    /// <param name="time">The clock.</param>
    public ScopeMarks(string scope, TimeSpan retention, int maxMessages, TimeProvider time)
    {
        _scope = scope;
        _maxMessages = maxMessages;
        _time = time;
        _retentionTicks = TicksOf(retention);
    }

    /// <summary>How many messages it holds anything of.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _marks.Count;
            }
        }
    }

    /// <summary>Asks for a message.</summary>
    /// <param name="request">The request.</param>
    public IIdempotenceClaim Claim(ClaimRequest request)
    {
        IdempotenceKey key = request.Key;
        long now = _time.GetTimestamp();
        lock (_gate)
        {
            ref Mark mark = ref CollectionsMarshal.GetValueRefOrAddDefault(_marks, key.MessageId, out bool isKnown);
            if (isKnown && mark.Holder is null && now - mark.At < _retentionTicks)
            {
                return mark.Fingerprint == key.Fingerprint ? RefusedClaim.Duplicate : RefusedClaim.Conflict;
            }

            if (isKnown && mark.Holder is MemoryClaim holder && now < holder.LeaseEnd)
            {
                return RefusedClaim.Busy(RetryAfter(now, mark.At, holder.LeaseEnd));
            }

            long leaseTicks = TicksOf(request.Lease);
            MemoryClaim claim = new(this, key.MessageId, key.Fingerprint, leaseTicks) { LeaseEnd = now + leaseTicks };
            mark = new Mark { Fingerprint = key.Fingerprint, At = now, Holder = claim };
            return claim;
        }
    }

    /// <summary>Prolongs a claim by its lease.</summary>
    /// <param name="claim">The claim.</param>
    /// <returns>Whether it still holds.</returns>
    public bool Renew(MemoryClaim claim)
    {
        long now = _time.GetTimestamp();
        lock (_gate)
        {
            if (!Holds_NeedsGate(claim))
            {
                return false;
            }

            claim.LeaseEnd = now + claim.LeaseTicks;
            return true;
        }
    }

    /// <summary>Notes that a claimed message was processed.</summary>
    /// <param name="claim">The claim.</param>
    /// <exception cref="ClaimLostException">Somebody else has claimed it since, or processed it.</exception>
    public void Complete(MemoryClaim claim)
    {
        if (!TryEnd(claim, null))
        {
            throw new ClaimLostException(new IdempotenceKey(_scope, claim.MessageId, claim.Fingerprint));
        }
    }

    /// <summary>Notes that a claimed message failed; where the claim was lost, nothing.</summary>
    /// <param name="claim">The claim.</param>
    public void Fail(MemoryClaim claim) => TryEnd(claim, Failed);

    /// <summary>Forgets a claim that was neither completed nor failed nor lost.</summary>
    /// <param name="claim">The claim.</param>
    public void GiveUp(MemoryClaim claim)
    {
        lock (_gate)
        {
            if (Holds_NeedsGate(claim))
            {
                _marks.Remove(claim.MessageId);
            }
        }
    }

    /// <summary>What is known of a message.</summary>
    /// <param name="messageId">Its id.</param>
    public IdempotenceMark? Find(string messageId)
    {
        Mark mark;
        long now = _time.GetTimestamp();
        lock (_gate)
        {
            if (!_marks.TryGetValue(messageId, out mark))
            {
                return null;
            }
        }

        IdempotenceState state = mark.Holder is null ? IdempotenceState.Processed
            : mark.Holder == Failed ? IdempotenceState.Failed
            : IdempotenceState.Claimed;
        return state != IdempotenceState.Claimed && now - mark.At >= _retentionTicks
            ? null
            : new IdempotenceMark(state, mark.Fingerprint, _time.GetUtcNow() - _time.GetElapsedTime(mark.At, now));
    }

    private bool TryEnd(MemoryClaim claim, object? holder)
    {
        long now = _time.GetTimestamp();
        lock (_gate)
        {
            ref Mark mark = ref CollectionsMarshal.GetValueRefOrNullRef(_marks, claim.MessageId);
            if (Unsafe.IsNullRef(ref mark))
            {
                // Its lease was over, and whoever took it then has given it up: nobody has it or has processed it.
                mark = ref CollectionsMarshal.GetValueRefOrAddDefault(_marks, claim.MessageId, out _);
            }
            else if (!ReferenceEquals(mark.Holder, claim))
            {
                return false;
            }

            mark = new Mark { Fingerprint = claim.Fingerprint, At = now, Holder = holder };
            _ended.Enqueue(new Ended(claim.MessageId, now));
            Forget_NeedsGate(now);
            return true;
        }
    }

    private bool Holds_NeedsGate(MemoryClaim claim)
        => _marks.TryGetValue(claim.MessageId, out Mark mark) && ReferenceEquals(mark.Holder, claim);

    // A few at each end: the table shrinks as fast as it may grow, and no end pays for many.
    private void Forget_NeedsGate(long now)
    {
        for (int i = 0; i < 4 && _ended.TryPeek(out Ended oldest); i++)
        {
            if (_ended.Count <= _maxMessages && now - oldest.At < _retentionTicks)
            {
                return;
            }

            _ended.Dequeue();
            if (_marks.TryGetValue(oldest.MessageId, out Mark mark) && mark.Holder is not MemoryClaim && mark.At == oldest.At)
            {
                _marks.Remove(oldest.MessageId);
            }
        }
    }

    // After as long as its holder has had it by now: soon for what is quick, rarely for what takes long.
    private TimeSpan RetryAfter(long now, long claimedAt, long leaseEnd)
    {
        TimeSpan left = _time.GetElapsedTime(now, leaseEnd);
        TimeSpan held = TimeSpan.FromTicks(Math.Max(_time.GetElapsedTime(claimedAt, now).Ticks, 10 * TimeSpan.TicksPerMillisecond));
        return held < left ? held : TimeSpan.FromTicks(Math.Max(left.Ticks, TimeSpan.TicksPerMillisecond));
    }

    private long TicksOf(TimeSpan duration) => (long)(duration.Ticks * ((double)_time.TimestampFrequency / TimeSpan.TicksPerSecond));

    /// <summary>What is known of one message.</summary>
    private struct Mark
    {
        public Fingerprint Fingerprint;

        /// <summary>When it got into its state, as a timestamp of the clock.</summary>
        public long At;

        /// <summary>The claim on it, <see cref="Failed"/>, or <see langword="null"/>: it was processed.</summary>
        public object? Holder;
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Ended(string MessageId, long At);
}
