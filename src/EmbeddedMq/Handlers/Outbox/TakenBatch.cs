using System.Diagnostics.CodeAnalysis;

namespace EmbeddedMq.Handlers.Outbox;

/// <summary>The time that is left for messages which were taken together.</summary>
/// <remarks>Thread-safe. Disposes itself when the last of its messages has ended.</remarks>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "See EndOne: nobody in particular is its owner.")]
internal sealed class TakenBatch
{
    // After that part of the lease the wait for a confirm ends, so that what became of the message is noted while it is still this relay's.
    private const double SendingPart = 0.75;

    private readonly CancellationTokenSource _time;
    private readonly CancellationTokenSource _either;
    private readonly TimeProvider _clock;
    private readonly long _taken;
    private readonly TimeSpan _lease;
    private int _left;

    /// <summary>Begins the time.</summary>
    /// <param name="messages">How many messages were taken.</param>
    /// <param name="taken">When the store was asked for them: a timestamp.</param>
    /// <param name="lease">For how long.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="giveUp">Ends sending at once.</param>
    public TakenBatch(int messages, long taken, TimeSpan lease, TimeProvider clock, CancellationToken giveUp)
    {
        _left = messages;
        _taken = taken;
        _lease = lease;
        _clock = clock;
        TimeSpan rest = SendingTime - clock.GetElapsedTime(taken);
        _time = new CancellationTokenSource(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, clock);
        _either = CancellationTokenSource.CreateLinkedTokenSource(_time.Token, giveUp);
        Token = _either.Token;
    }

    /// <summary>Cancelled when nothing more of it is to be sent, or waited for.</summary>
    public CancellationToken Token { get; }

    /// <summary>Whether the time for sending is over.</summary>
    public bool IsTimeOver => _time.IsCancellationRequested;

    /// <summary>How long sending may take.</summary>
    public TimeSpan SendingTime => _lease * SendingPart;

    /// <summary>Whether others may have taken the messages.</summary>
    public bool IsLeaseOver => _clock.GetElapsedTime(_taken) >= _lease;

    /// <summary>Notes that one of the messages has been sent, or will not be.</summary>
    public void EndOne()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            _either.Dispose();
            _time.Dispose();
        }
    }
}
