using EmbeddedMq.LoadTests.Memory;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>Where consumers that live longer than a run report what they have finished.</summary>
public sealed class Arrivals
{
    /// <summary>How long the messages of one run may take.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private Countdown _countdown = new(long.MaxValue);

    /// <summary>A message has been handled.</summary>
    public void Signal() => Volatile.Read(ref _countdown).Signal();

    /// <summary>Begins to count; to be called before the first message is sent.</summary>
    /// <param name="count">How many messages will be handled.</param>
    /// <returns>Waits for the last of them. A peer that loses one ends the whole run, instead of holding it for ever.</returns>
    internal Func<Task> Expect(long count)
    {
        Countdown countdown = new(count);
        Volatile.Write(ref _countdown, countdown);
        return () => countdown.Zero.WaitAsync(Patience);
    }
}
