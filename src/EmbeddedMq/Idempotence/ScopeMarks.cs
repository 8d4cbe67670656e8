using System.IO.Hashing;
using System.Runtime.InteropServices;
using EmbeddedMq.Journal;

namespace EmbeddedMq.Idempotence;

/// <summary>What is known of the messages of one scope: which are claimed, processed or failed.</summary>
/// <remarks>
/// <para>A scope is a queue as a rule, and has its own gate as a queue has. Claims are few, and objects; what has ended is a value under a hash of its id,
/// so that a remembered message costs no object. The hash has 128 bits and a seed of its own for each scope and process: that two ids share one by chance
/// is out of the question, and nobody can look for such ids who does not know the seed.</para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class ScopeMarks
{
    // So many of the oldest are forgotten at each end at most: the table shrinks as fast as it may grow, and no end pays for many.
    private const int MostForgotten = 4;

    private readonly int _maxMessages;
    private readonly TimeProvider _time;
    private readonly long _retentionTicks; // of the clock's timestamps
    private readonly long _seed = MemoryMarshal.Read<long>(Guid.NewGuid().ToByteArray());

    // Guarded by _gate.
    private readonly Lock _gate = new();
    private readonly Dictionary<UInt128, MemoryClaim> _claims = [];
    private readonly KeyedRing<Ended> _ended = new();

    /// <summary>Makes an empty one.</summary>
    /// <param name="retention">How long an ended message is remembered.</param>
    /// <param name="maxMessages">How many ended messages are remembered.</param>
    /// <param name="time">The clock.</param>
    public ScopeMarks(TimeSpan retention, int maxMessages, TimeProvider time)
    {
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
                return _ended.Count + _claims.Keys.Count(key => !_ended.TryFind(key, out _));
            }
        }
    }

    /// <summary>Asks for a message.</summary>
    /// <param name="request">The request.</param>
    public IIdempotenceClaim Claim(ClaimRequest request)
    {
        UInt128 key = KeyOf(request.Key.MessageId);
        long now = _time.GetTimestamp();
        lock (_gate)
        {
            if (_claims.TryGetValue(key, out MemoryClaim? holder) && now < holder.LeaseEnd)
            {
                return RefusedClaim.Busy(RetryAfter(now, holder.At, holder.LeaseEnd));
            }

            if (_ended.TryFind(key, out Ended ended) && IsProcessed(ended, now))
            {
                return ended.Fingerprint == request.Key.Fingerprint ? RefusedClaim.Duplicate : RefusedClaim.Conflict;
            }

            MemoryClaim claim = new(this, key, request, now, TicksOf(request.Lease));
            _claims[key] = claim;
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
        if (!TryEnd(claim, hasFailed: false))
        {
            throw new ClaimLostException(claim.Message);
        }
    }

    /// <summary>Notes that a claimed message failed; where the claim was lost, nothing.</summary>
    /// <param name="claim">The claim.</param>
    public void Fail(MemoryClaim claim) => TryEnd(claim, hasFailed: true);

    /// <summary>Forgets a claim that was neither completed nor failed nor lost.</summary>
    /// <param name="claim">The claim.</param>
    public void GiveUp(MemoryClaim claim)
    {
        lock (_gate)
        {
            if (Holds_NeedsGate(claim))
            {
                _claims.Remove(claim.Key);
            }
        }
    }

    /// <summary>What is known of a message.</summary>
    /// <param name="messageId">Its id.</param>
    public IdempotenceMark? Find(string messageId)
    {
        UInt128 key = KeyOf(messageId);
        long now = _time.GetTimestamp();
        MemoryClaim? holder;
        Ended ended;
        bool isKnown;
        lock (_gate)
        {
            _claims.TryGetValue(key, out holder);
            isKnown = _ended.TryFind(key, out ended) && now - ended.At < _retentionTicks;
        }

        return holder is not null ? new IdempotenceMark(IdempotenceState.Claimed, holder.Message.Fingerprint, UtcOf(holder.At, now))
            : isKnown ? new IdempotenceMark(ended.HasFailed ? IdempotenceState.Failed : IdempotenceState.Processed, ended.Fingerprint, UtcOf(ended.At, now))
            : null;
    }

    private bool TryEnd(MemoryClaim claim, bool hasFailed)
    {
        long now = _time.GetTimestamp();
        lock (_gate)
        {
            if (!Holds_NeedsGate(claim) && IsTaken_NeedsGate(claim.Key, now))
            {
                return false;
            }

            _claims.Remove(claim.Key);
            _ended.Put(claim.Key, new Ended(claim.Message.Fingerprint, now, hasFailed));
            for (int i = 0; i < MostForgotten && IsOldestOver_NeedsGate(now); i++)
            {
                _ended.Drop();
            }

            return true;
        }
    }

    private bool Holds_NeedsGate(MemoryClaim claim) => _claims.TryGetValue(claim.Key, out MemoryClaim? holder) && holder == claim;

    // One whose lease was over may still end its message, unless somebody else has it or has processed it.
    private bool IsTaken_NeedsGate(UInt128 key, long now)
        => _claims.ContainsKey(key) || (_ended.TryFind(key, out Ended ended) && IsProcessed(ended, now));

    private bool IsOldestOver_NeedsGate(long now)
        => _ended.Count > _maxMessages || (_ended.TryPeek(out Ended oldest) && now - oldest.At >= _retentionTicks);

    private bool IsProcessed(in Ended ended, long now) => !ended.HasFailed && now - ended.At < _retentionTicks;

    private UInt128 KeyOf(string messageId) => XxHash128.HashToUInt128(MemoryMarshal.AsBytes(messageId.AsSpan()), _seed);

    // After as long as its holder has had it by now: soon for what is quick, rarely for what takes long.
    private TimeSpan RetryAfter(long now, long claimedAt, long leaseEnd)
    {
        TimeSpan left = _time.GetElapsedTime(now, leaseEnd);
        TimeSpan held = TimeSpan.FromTicks(Math.Max(_time.GetElapsedTime(claimedAt, now).Ticks, 10 * TimeSpan.TicksPerMillisecond));
        return held < left ? held : TimeSpan.FromTicks(Math.Max(left.Ticks, TimeSpan.TicksPerMillisecond));
    }

    private DateTimeOffset UtcOf(long at, long now) => _time.GetUtcNow() - _time.GetElapsedTime(at, now);

    private long TicksOf(TimeSpan duration) => (long)(duration.Ticks * ((double)_time.TimestampFrequency / TimeSpan.TicksPerSecond));

    /// <summary>How a message ended, in 24 bytes.</summary>
    private readonly struct Ended(Fingerprint fingerprint, long at, bool hasFailed)
    {
        private readonly long _atAndFailed = (at << 1) | (hasFailed ? 1L : 0);

        internal Fingerprint Fingerprint { get; } = fingerprint;

        /// <summary>When, as a timestamp of the clock.</summary>
        internal long At => _atAndFailed >> 1;

        internal bool HasFailed => (_atAndFailed & 1) != 0;
    }
}
